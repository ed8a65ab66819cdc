// What an import function sees of its node: inputs, attributes, outputs.
//
// An import function makes the node's outputs with Ops, or fails with a reason,
// which ends up in the one error that lists all unsupported nodes:
//
//   LogicalResult importSoftmax(Binder &node) {
//     auto axis = node.axis("axis", node.in(0).rank());
//     if (failed(axis)) return failure();
//     return node.set(0, node.ops.softmax(node.in(0), *axis));
//   }
#ifndef ATTUNE_FRONTENDS_ONNX_BINDER_H
#define ATTUNE_FRONTENDS_ONNX_BINDER_H

#include "frontends/onnx/ONNX.h"
#include "frontends/onnx/Ops.h"

namespace attune::onnx {

class Binder {
public:
  Binder(Ops &ops, NodeOp node, llvm::SmallVector<const Imported *> inputs)
      : ops(ops), node(node), inputs(std::move(inputs)),
        outputs(node.getNumResults()) {}

  Ops &ops;

  int64_t since() const { return node.getSince(); }
  size_t count() const { return inputs.size(); }
  bool has(size_t i) const { return i < inputs.size() && inputs[i]; }
  const Imported &in(size_t i) const { return *inputs[i]; }
  size_t outputCount() const { return outputs.size(); }
  /// Whether anything reads the output.
  bool wants(size_t i) const {
    return i < outputs.size() && !node.getResult(i).use_empty();
  }

  // Attributes; the schema has filled in its defaults and checked types.
  mlir::Attribute attribute(llvm::StringRef name) const {
    return node.getParams().get(name);
  }
  bool hasAttribute(llvm::StringRef name) const {
    return bool(attribute(name));
  }
  int64_t integer(llvm::StringRef name, int64_t fallback = 0) const;
  double real(llvm::StringRef name, double fallback = 0) const;
  llvm::StringRef text(llvm::StringRef name) const;
  llvm::ArrayRef<int64_t> integers(llvm::StringRef name) const;

  /// An axis attribute counted from the front, or a failure if outside.
  mlir::FailureOr<int64_t> axis(llvm::StringRef name, int64_t rank);
  mlir::FailureOr<int64_t> axis(int64_t value, int64_t rank);

  /// Integers that stand in an attribute in old opsets and in input `i` in new
  /// ones; nothing if given in neither.
  mlir::FailureOr<std::optional<llvm::SmallVector<int64_t>>>
  integersFrom(llvm::StringRef name, size_t i);
  /// The known, possibly symbolic integers of input `i`.
  mlir::FailureOr<Dims> shapeFrom(size_t i);

  mlir::LogicalResult fail(const llvm::Twine &reason) {
    return ops.fail(reason);
  }
  mlir::LogicalResult set(size_t output, Result result);

  NodeOp op() const { return node; }
  llvm::ArrayRef<std::optional<Imported>> results() const { return outputs; }

private:
  mutable NodeOp node; // Generated accessors are not const.
  llvm::SmallVector<const Imported *> inputs;
  std::vector<std::optional<Imported>> outputs;
};

using ImportFunction = mlir::LogicalResult (*)(Binder &);

/// The import functions by operator and the opset since which they hold.
class ImportTable {
public:
  /// The table of all families.
  static const ImportTable &get();

  void add(llvm::StringRef op, int64_t since, ImportFunction function,
           llvm::StringRef domain = "") {
    rows[key(domain, op)][since] = function;
  }
  /// The newest function not newer than `since`; null if there is none.
  ImportFunction find(llvm::StringRef domain, llvm::StringRef op,
                      int64_t since) const;
  bool knows(llvm::StringRef domain, llvm::StringRef op) const {
    return rows.contains(key(domain, op));
  }
  std::vector<SupportedOperator> list() const;

private:
  static std::string key(llvm::StringRef domain, llvm::StringRef op) {
    return (domain + "::" + op).str();
  }
  llvm::StringMap<std::map<int64_t, ImportFunction>> rows;
};

// One per family, in the file of that name.
void registerActivation(ImportTable &table);
void registerAttention(ImportTable &table);
void registerConv(ImportTable &table);
void registerElementwise(ImportTable &table);
void registerIndexing(ImportTable &table);
void registerMatmul(ImportTable &table);
void registerNorm(ImportTable &table);
void registerOrder(ImportTable &table);
void registerPad(ImportTable &table);
void registerPool(ImportTable &table);
void registerReduce(ImportTable &table);
void registerResize(ImportTable &table);
void registerRotary(ImportTable &table);
void registerScatter(ImportTable &table);
void registerShape(ImportTable &table);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_BINDER_H
