// Models in a few lines, imported: what the tests of the frontend share.
#ifndef ATTUNE_FRONTENDS_DSL_IMPORTTESTING_H
#define ATTUNE_FRONTENDS_DSL_IMPORTTESTING_H

#include "dialects/nn/NN.h"
#include "dialects/nn/NodeName.h"
#include "frontends/dsl/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

namespace attune::dsl::testing {

class ImportTest : public ::testing::Test {
protected:
  ImportTest() : context(mlir::MLIRContext::Threading::DISABLED) {}

  /// The module as text.
  std::string import(const std::string &text) {
    module = importDslText(text, "m.attn", options, context, error);
    EXPECT_TRUE(module) << error;
    EXPECT_EQ(error, "");
    std::string printed;
    llvm::raw_string_ostream os(printed);
    if (module)
      (*module)->print(os);
    return printed;
  }
  /// A model whose forward(x: f32[B, 4, 6], n: i64[B, T <= 8]) -> y has these
  /// lines, with members above it.
  static std::string around(const std::string &body,
                            const std::string &members = "") {
    std::string text = "model M:\n";
    for (const std::string &line : {members})
      if (!line.empty())
        text += "    " + line + "\n";
    text += "    def forward(x: f32[B, 4, 6], n: i64[B, T <= 8]) -> y:\n";
    return text + "        " + body + "\n";
  }
  std::string refuse(const std::string &text) {
    EXPECT_FALSE(importDslText(text, "m.attn", options, context, error))
        << text;
    return error;
  }
  mlir::func::FuncOp function(llvm::StringRef name) {
    return module->lookupSymbol<mlir::func::FuncOp>(name);
  }
  std::string typeOfResult(llvm::StringRef name = "main") {
    std::string text;
    llvm::raw_string_ostream(text) << function(name).getResultTypes()[0];
    return text;
  }
  template <typename Op>
  std::vector<Op> all(llvm::StringRef name = "main") {
    std::vector<Op> ops;
    function(name).walk([&](Op op) { ops.push_back(op); });
    return ops;
  }

  mlir::MLIRContext context;
  ImportOptions options;
  std::string error;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace attune::dsl::testing

#endif // ATTUNE_FRONTENDS_DSL_IMPORTTESTING_H
