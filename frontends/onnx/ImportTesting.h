// Small models written by hand, imported from a file: what the tests of the
// importer share.
#pragma once

#include "dialects/nn/NN.h"
#include "frontends/onnx/Import.h"
#include "frontends/onnx/ONNX.h"
#include "frontends/onnx/reader/WireWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace attune::onnx::testing {

inline constexpr int64_t floatType = 1, int64Type = 7, boolType = 9;

/// An input or output whose dims are numbers or names.
inline Wire typed(std::string_view name, int64_t type,
                  std::initializer_list<std::string> dims) {
  Wire shape;
  for (const std::string &dim : dims)
    shape.msg(1, std::isdigit(dim[0]) ? Wire().num(1, std::stoll(dim))
                                      : Wire().str(2, dim));
  return value(name, Wire().msg(1, Wire().num(1, type).msg(2, shape)));
}

inline Wire ints(std::string_view name, std::initializer_list<int64_t> values) {
  return tensor(name, int64Type, {int64_t(values.size())}).packed(7, values);
}
inline Wire number(std::string_view name, int64_t value) {
  return tensor(name, int64Type, {}).packed(7, {value});
}
inline Wire floats(std::string_view name, std::initializer_list<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return tensor(name, floatType, dims).str(9, std::string(4 * count, '\1'));
}
inline Wire withInt(Wire node, std::string_view name, int64_t number) {
  return node.msg(5, attribute(name, 2).num(3, number));
}
inline Wire withInts(Wire node, std::string_view name,
                     std::initializer_list<int64_t> values) {
  return node.msg(5, attribute(name, 7).packed(8, values));
}

class ImportTest : public ::testing::Test {
protected:
  ImportTest() : context(mlir::MLIRContext::Threading::DISABLED) {
    std::string pattern = ::testing::TempDir() + "attuneXXXXXX";
    EXPECT_TRUE(::mkdtemp(pattern.data()));
    file = std::filesystem::path(pattern) / "m.onnx";
  }
  ~ImportTest() override { std::filesystem::remove_all(file.parent_path()); }

  void write(const Wire &graph, int64_t version) {
    Wire model = Wire()
                     .num(1, 8)
                     .msg(8, opset(version))
                     .msg(7, graph)
                     .msg(8, opset(1, "com.acme"));
    std::ofstream(file, std::ios::binary) << model.out;
  }
  /// The function of the imported model as text.
  std::string import(const Wire &graph, int64_t version = 17) {
    write(graph, version);
    module = importOnnx(file, options, context, error);
    EXPECT_TRUE(module) << error;
    std::string text;
    llvm::raw_string_ostream os(text);
    if (module)
      (*module)->print(os);
    return text;
  }
  /// The error, without the file's name.
  std::string refuse(const Wire &graph, int64_t version = 17) {
    write(graph, version);
    EXPECT_FALSE(importOnnx(file, options, context, error));
    std::string text = error, name = file.string() + ": ";
    for (size_t at; (at = text.find(name)) != std::string::npos;)
      text.erase(at, name.size());
    return text;
  }
  template <typename Op>
  int count() {
    int n = 0;
    (*module)->walk([&](Op) { ++n; });
    return n;
  }
  std::string typeOfResult(unsigned i = 0) {
    auto main = mlir::cast<mlir::func::FuncOp>((*module).lookupSymbol("main"));
    std::string text;
    llvm::raw_string_ostream(text) << main.getResultTypes()[i];
    return text;
  }

  mlir::MLIRContext context;
  std::filesystem::path file;
  ImportOptions options;
  std::string error;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace attune::onnx::testing
