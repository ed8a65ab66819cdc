// The interface through which passes ask what an op costs.
include "mlir/IR/OpBase.td"

def CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::attune::fusion";
  let description = [{
    Work and traffic of one op as polynomials over the model's dims. Attached as
    external models (registerCostModels), so that the ops stay free of it.
  }];
  let methods = [
    InterfaceMethod<
      "Floating-point operations, a multiply-add being two; null if it overflows.",
      "::attune::nn::DimAttr", "getFlops">,
    InterfaceMethod<
      "Bytes read and written if operands and results live in memory.",
      "::attune::nn::DimAttr", "getBytes">];
}
