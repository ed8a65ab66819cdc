// A plan must not name what the module does not hold.
// RUN: attune-opt %s -split-input-file -verify-diagnostics --verify-plan

plan.program @main symbols {} {
  // expected-error @+1 {{names @missing, which the module does not define}}
  %w = plan.weight @missing bytes 4
}

// -----

// expected-error @+1 {{expected one plan.program, found 0}}
module {
}
