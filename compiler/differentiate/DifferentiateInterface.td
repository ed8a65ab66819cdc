// The interface through which an op is asked for its derivative.
include "mlir/IR/OpBase.td"

def DifferentiateOpInterface : OpInterface<"DifferentiateOpInterface"> {
  let cppNamespace = "::attune::differentiate";
  let description = [{
    The vector-Jacobian product of one op, built of nn ops. Attached as external
    models (registerDerivatives), so that the ops stay free of it.
  }];
  let methods = [
    InterfaceMethod<
      [{Appends to `gradients` one value for each operand: the gradient of a
        loss whose gradients with respect to the results are `cotangents`. A
        cotangent is null for a result that the loss does not read, a gradient
        where `needed` is false or the derivative is zero. May give the op
        further results that the product reads, by rebuilding it: the op is not
        used afterwards. Fails after an error at the op.}],
      "::mlir::LogicalResult", "buildVjp",
      (ins "::mlir::OpBuilder &":$builder, "::llvm::ArrayRef<::mlir::Value>":$cotangents,
           "::llvm::ArrayRef<bool>":$needed,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$gradients)>,
    InterfaceMethod<
      "Whether the derivative is zero wherever there is one: floor, a comparison.",
      "bool", "isFlat">];
}
