// A target that has no kernels is an error, not a guess.
// RUN: attune-opt %s --build-kernels=target=sparc -verify-diagnostics

// expected-error @+1 {{no kernels are made for the target 'sparc'}}
module {
}
