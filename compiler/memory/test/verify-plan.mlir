// A plan must not name what the module does not hold.
// RUN: attune-opt %s -split-input-file -verify-diagnostics --verify-plan

plan.program @main symbols {} {
  // expected-error @+1 {{names @missing, which the module does not define}}
  %w = plan.weight @missing bytes 4
}

// -----

// expected-error @+1 {{expected a plan.program}}
module {
}

// -----

plan.program @main symbols {B = #nn.range<min = 1, max = -1, divisor = 1>} {
  // expected-error @+1 {{needs 'B', which is no whole dim of any input}}
  %x = plan.input "x" f32 dims <[B * 2]>
}
