// Each broken program is refused with what was expected and what was found.
// RUN: attune-opt %s -split-input-file -verify-diagnostics

plan.program @main symbols {} {
  %x = plan.input "x" f32 dims <[64]>
  // expected-error @+1 {{expects one offset for each buffer, found 0 and 0 for 1 inputs and 0 outputs}}
  plan.launch @k row ins(%x) at <[]> outs() at <[]> integers <[]> grid <1> grain <1> scratch <0> flops <0> bytes <0>
}

// -----

plan.program @main symbols {} {
  %x = plan.input "x" f32 dims <[64]>
  // expected-error @+1 {{expects 1 grids and 2 costs for 1 variants, found 1 and 1}}
  plan.launch @k row ins(%x) at <[0]> outs() at <[]> integers <[]> grid <1> grain <1> scratch <0> flops <0> bytes <0> or [@k1] grids <[1]> costs <[3]>
}
