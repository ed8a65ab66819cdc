//===- Cases.cpp ----------------------------------------------------------===//
#include "tests/bench/groups/Cases.h"

using namespace attune::bench;

/// Activations of BERT-base at 2048 tokens, and what else transformers do.
/// Packages have symbols where these have B and S.
std::vector<Case> attune::bench::cases() {
  const char *x = "2048, 768";
  return {
      {"add",
       {"map",
        {{x}, {x}},
        {{x}},
        "%r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"}},
      {"bias",
       {"map",
        {{x}, {"768"}},
        {{x}},
        "%r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"}},
      {"gelu",
       {"map",
        {{"2048, 3072"}},
        {{"2048, 3072"}},
        "%r0 = nn.elementwise gelu_erf %0 : (@0) -> $0"}},
      {"layer_norm",
       {"row",
        {{x}, {"768"}, {"768"}},
        {{x}},
        "%r0 = nn.norm layer %0 axis 1 epsilon 1.0e-5 scale %1 : "
        "@1 bias %2 : @2 : @0 -> $0"}},
      {"add_layer_norm",
       {"row",
        {{x}, {x}, {"768"}, {"768"}},
        {{x}, {x}},
        "%r1 = nn.elementwise add %0, %1 : (@0, @1) -> $1\n"
        "%r0 = nn.norm layer %r1 axis 1 epsilon 1.0e-5 scale %2 : "
        "@2 bias %3 : @3 : $1 -> $0"}},
      {"layer_norm_any",
       {"row",
        {{"B, S, 384"}, {"384"}, {"384"}},
        {{"B, S, 384"}},
        "%r0 = nn.norm layer %0 axis 2 epsilon 1.0e-5 scale %1 : "
        "@1 bias %2 : @2 : @0 -> $0"},
       {{"B", 32}, {"S", 128}}},
      {"rms_norm",
       {"row",
        {{x}, {"768"}},
        {{x}},
        "%r0 = nn.norm rms %0 axis 1 epsilon 1.0e-5 scale %1 : @1 : "
        "@0 -> $0"}},
      {"softmax",
       {"row",
        {{"12, 512, 512"}},
        {{"12, 512, 512"}},
        "%r0 = nn.softmax %0 axis 2 : (@0) -> $0"}},
      {"softmax_197",
       {"row",
        {{"48, 197, 197"}},
        {{"48, 197, 197"}},
        "%r0 = nn.softmax %0 axis 2 : (@0) -> $0"}},
      {"softmax_any",
       {"row",
        {{"B, 12, S, S"}},
        {{"B, 12, S, S"}},
        "%r0 = nn.softmax %0 axis 3 : (@0) -> $0"},
       {{"B", 16}, {"S", 128}}},
      {"softmax_axis_0",
       {"row",
        {{"512, 4096"}},
        {{"512, 4096"}},
        "%r0 = nn.softmax %0 axis 0 : (@0) -> $0"},
       {},
       /*scatters=*/false,
       /*readsDown=*/true},
      {"mean_pool",
       {"row",
        {{"16, 128, 768"}},
        {{"16, 768"}},
        "%r0 = nn.reduce mean %0 axes [1] : (@0) -> $0"}},
      {"sum_rows",
       {"row",
        {{"2048, 1024"}},
        {{"2048"}},
        "%r0 = nn.reduce sum %0 axes [1] : (@0) -> $0"}},
      {"embedding",
       {"map",
        {{"3000, 768"}, {"2048", "i64", 1, 0, 2999}},
        {{x}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"}},
      {"gather_elements",
       {"map",
        {{"100000"}, {"1000000", "i64", 1, 0, 99999}},
        {{"1000000"}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"},
       {},
       /*scatters=*/true},
      {"position_bias",
       {"map",
        {{"1023"}, {"512, 2048", "i64", 1, -1023, 1022}},
        {{"512, 2048"}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"}},
      {"split_heads",
       {"map",
        {{"16, 128, 12, 64"}},
        {{"16, 12, 128, 64"}},
        "%r0 = nn.transpose %0 [0, 2, 1, 3] : (@0) -> $0"}},
      {"transpose",
       {"map",
        {{"1500, 2000"}},
        {{"2000, 1500"}},
        "%r0 = nn.transpose %0 [1, 0] : (@0) -> $0"}},
      {"transpose_2^n",
       {"map",
        {{"1024, 2048"}},
        {{"2048, 1024"}},
        "%r0 = nn.transpose %0 [1, 0] : (@0) -> $0"}},
      {"concat",
       {"map",
        {{"16, 1, 768"}, {"16, 196, 768"}},
        {{"16, 197, 768"}},
        "%r0 = nn.concat %0, %1 axis 1 : (@0, @1) -> $0"}},
      {"concat_last",
       {"map",
        {{"24576, 32"}, {"24576, 32"}},
        {{"24576, 64"}},
        "%r0 = nn.concat %0, %1 axis 1 : (@0, @1) -> $0"}},
      {"cast_i64",
       {"map",
        {{"2000000", "i64"}},
        {{"2000000"}},
        "%r0 = nn.elementwise cast %0 to f32 : (@0) -> $0"}},
      {"mask",
       {"map",
        {{x}, {x, "i1"}},
        {{x}},
        "%c = arith.constant dense<-1.0e4> : tensor<f32>\n"
        "%r0 = nn.elementwise select %1, %0, %c : (@1, @0, tensor<f32>) "
        "-> $0"}},
      // Training.
      {"dropout_add",
       {"map",
        {{"", "i64"}, {"", "i64"}, {"", "i64"}, {x}, {x}},
        {{x}},
        "%u = nn.random id 3 (%0, %1, %2) : @3\n"
        "%p = arith.constant dense<0.1> : tensor<f32>\n"
        "%q = arith.constant dense<1.1111112> : tensor<f32>\n"
        "%z = arith.constant dense<0.0> : tensor<f32>\n"
        "%k = nn.elementwise greater_equal %u, %p : (@3, tensor<f32>) -> "
        "tensor<2048x768xi1>\n"
        "%m = nn.elementwise select %k, %q, %z : (tensor<2048x768xi1>, "
        "tensor<f32>, tensor<f32>) -> @3\n"
        "%d = nn.elementwise mul %3, %m : (@3, @3) -> @3\n"
        "%r0 = nn.elementwise add %d, %4 : (@3, @4) -> $0"}},
      {"random",
       {"map",
        {{"", "i64"}, {"", "i64"}, {"", "i64"}},
        {{x}},
        "%r0 = nn.random id 3 (%0, %1, %2) : $0"}},
      {"adamw",
       {"map",
        {{x}, {x}, {x, "f32", 0}, {x}, {""}},
        {{x}, {x}, {x}},
        "%b1 = arith.constant dense<0.9> : tensor<f32>\n"
        "%a1 = arith.constant dense<0.1> : tensor<f32>\n"
        "%b2 = arith.constant dense<0.999> : tensor<f32>\n"
        "%a2 = arith.constant dense<0.001> : tensor<f32>\n"
        "%e = arith.constant dense<1.0e-8> : tensor<f32>\n"
        "%m1 = nn.elementwise mul %1, %b1 : (@1, tensor<f32>) -> @0\n"
        "%g1 = nn.elementwise mul %3, %a1 : (@3, tensor<f32>) -> @0\n"
        "%r1 = nn.elementwise add %m1, %g1 : (@0, @0) -> $1\n"
        "%v1 = nn.elementwise mul %2, %b2 : (@2, tensor<f32>) -> @0\n"
        "%s = nn.elementwise mul %3, %3 : (@3, @3) -> @0\n"
        "%g2 = nn.elementwise mul %s, %a2 : (@0, tensor<f32>) -> @0\n"
        "%r2 = nn.elementwise add %v1, %g2 : (@0, @0) -> $2\n"
        "%q = nn.elementwise sqrt %r2 : ($2) -> @0\n"
        "%d = nn.elementwise add %q, %e : (@0, tensor<f32>) -> @0\n"
        "%u = nn.elementwise div %r1, %d : ($1, @0) -> @0\n"
        "%w = nn.elementwise mul %0, %a2 : (@0, tensor<f32>) -> @0\n"
        "%uw = nn.elementwise add %u, %w : (@0, @0) -> @0\n"
        "%l = nn.elementwise mul %uw, %4 : (@0, @4) -> @0\n"
        "%r0 = nn.elementwise sub %0, %l : (@0, @0) -> $0"}},
      {"sum_of_squares",
       {"row",
        {{"2048, 768"}},
        {{"2048"}},
        "%s = nn.elementwise mul %0, %0 : (@0, @0) -> @0\n"
        "%r0 = nn.reduce sum %s axes [1] : (@0) -> $0"}},
      {"cross_entropy",
       {"row",
        {{"256, 50257"}, {"256, 1", "i64", 1, 0, 50256}},
        {{"256, 1"}, {"256, 1"}},
        "%z = arith.constant dense<0.0> : tensor<f32>\n"
        "%m = nn.reduce max %0 axes [1] keepdims : (@0) -> $0\n"
        "%c = nn.elementwise sub %0, %m : (@0, $0) -> @0\n"
        "%e = nn.elementwise exp %c : (@0) -> @0\n"
        "%s = nn.reduce sum %e axes [1] keepdims : (@0) -> $0\n"
        "%g = nn.elementwise log %s : ($0) -> $0\n"
        "%r1 = nn.elementwise add %g, %m : ($0, $0) -> $1\n"
        "%i = nn.iota axis 1 : tensor<1x50257xi32>\n"
        "%l = nn.elementwise cast %1 to i32 : (@1) -> tensor<256x1xi32>\n"
        "%k = nn.elementwise equal %i, %l : (tensor<1x50257xi32>, "
        "tensor<256x1xi32>) -> tensor<256x50257xi1>\n"
        "%p = nn.elementwise select %k, %0, %z : (tensor<256x50257xi1>, @0, "
        "tensor<f32>) -> @0\n"
        "%o = nn.reduce sum %p axes [1] keepdims : (@0) -> $0\n"
        "%r0 = nn.elementwise sub %r1, %o : ($1, $0) -> $0"}},
      {"cross_entropy_gradient",
       {"map",
        {{"256, 50257"},
         {"256, 1", "i64", 1, 0, 50256},
         {"256, 1", "f32", 9},
         {""}},
        {{"256, 50257"}},
        "%z = arith.constant dense<0.0> : tensor<f32>\n"
        "%n = arith.constant dense<1.0> : tensor<f32>\n"
        "%c = nn.elementwise sub %0, %2 : (@0, @2) -> @0\n"
        "%e = nn.elementwise exp %c : (@0) -> @0\n"
        "%i = nn.iota axis 1 : tensor<1x50257xi32>\n"
        "%l = nn.elementwise cast %1 to i32 : (@1) -> tensor<256x1xi32>\n"
        "%k = nn.elementwise equal %i, %l : (tensor<1x50257xi32>, "
        "tensor<256x1xi32>) -> tensor<256x50257xi1>\n"
        "%t = nn.elementwise select %k, %n, %z : (tensor<256x50257xi1>, "
        "tensor<f32>, tensor<f32>) -> @0\n"
        "%d = nn.elementwise sub %e, %t : (@0, @0) -> @0\n"
        "%r0 = nn.elementwise mul %d, %3 : (@0, @3) -> $0"}},
      {"column_sums",
       {"row",
        {{x}},
        {{"768"}},
        "%t = nn.transpose %0 [1, 0] : (@0) -> tensor<768x2048xf32>\n"
        "%r0 = nn.reduce sum %t axes [1] : (tensor<768x2048xf32>) -> $0"}},
      {"sum_over_batch",
       {"row",
        {{"16, 128, 768"}},
        {{"128, 768"}},
        "%t = nn.transpose %0 [1, 2, 0] : (@0) -> tensor<128x768x16xf32>\n"
        "%r0 = nn.reduce sum %t axes [2] : (tensor<128x768x16xf32>) -> $0"}},
      {"norm_backward",
       {"row",
        {{x}, {x}, {"2048, 1"}, {"2048, 1"}, {"768"}},
        {{x}},
        "%c = nn.elementwise sub %0, %2 : (@0, @2) -> @0\n"
        "%n = nn.elementwise mul %c, %3 : (@0, @3) -> @0\n"
        "%h = nn.elementwise mul %1, %4 : (@1, @4) -> @0\n"
        "%p = nn.elementwise mul %h, %n : (@0, @0) -> @0\n"
        "%a = nn.reduce mean %h axes [1] keepdims : (@0) -> @2\n"
        "%b = nn.reduce mean %p axes [1] keepdims : (@0) -> @2\n"
        "%q = nn.elementwise mul %n, %b : (@0, @2) -> @0\n"
        "%s = nn.elementwise sub %h, %a : (@0, @2) -> @0\n"
        "%u = nn.elementwise sub %s, %q : (@0, @0) -> @0\n"
        "%r0 = nn.elementwise mul %u, %3 : (@0, @3) -> $0"}},
      {"norm_parameters_backward",
       {"row",
        {{x}, {x}, {"2048, 1"}, {"2048, 1"}},
        {{"768"}, {"768"}},
        "%x = nn.transpose %0 [1, 0] : (@0) -> tensor<768x2048xf32>\n"
        "%y = nn.transpose %1 [1, 0] : (@1) -> tensor<768x2048xf32>\n"
        "%m = nn.transpose %2 [1, 0] : (@2) -> tensor<1x2048xf32>\n"
        "%d = nn.transpose %3 [1, 0] : (@3) -> tensor<1x2048xf32>\n"
        "%c = nn.elementwise sub %x, %m : (tensor<768x2048xf32>, "
        "tensor<1x2048xf32>) -> tensor<768x2048xf32>\n"
        "%n = nn.elementwise mul %c, %d : (tensor<768x2048xf32>, "
        "tensor<1x2048xf32>) -> tensor<768x2048xf32>\n"
        "%p = nn.elementwise mul %y, %n : (tensor<768x2048xf32>, "
        "tensor<768x2048xf32>) -> tensor<768x2048xf32>\n"
        "%r0 = nn.reduce sum %p axes [1] : (tensor<768x2048xf32>) -> $0\n"
        "%r1 = nn.reduce sum %y axes [1] : (tensor<768x2048xf32>) -> $1"}},
      {"scatter_characters",
       {"scatter",
        {{"8192, 128"}, {"8192", "i64", 1, 0, 64}},
        {{"65, 128"}},
        "%r0 = nn.scatter %0[%1] axis 0 : (@0, @1) -> $0"}},
      {"scatter_tokens",
       {"scatter",
        {{"4096, 768"}, {"4096", "i64", 1, 0, 50256}},
        {{"50257, 768"}},
        "%r0 = nn.scatter %0[%1] axis 0 : (@0, @1) -> $0"}},
  };
}
