// Writes the state table of a package.
#include "compiler/target/package/StateJson.h"

#include "attune/format.h"
#include "dialects/nn/reference/Array.h"
#include "llvm/Support/JSON.h"

namespace attune::target::package {

using namespace mlir;

SmallVector<nn::WeightOp> stateWeights(ModuleOp module) {
  // What is used together lies together.
  SmallVector<nn::WeightOp> weights;
  for (auto kind : {nn::StateKind::Parameter, nn::StateKind::Gradient,
                    nn::StateKind::Optimizer, nn::StateKind::Average})
    for (auto weight : module.getOps<nn::WeightOp>())
      if (weight.getState() == kind)
        weights.push_back(weight);
  return weights;
}

std::string stateJson(ArrayRef<nn::WeightOp> weights,
                      const llvm::StringMap<WeightPlace> &initial) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  int64_t offset = 0;
  auto printTensor = [&](nn::WeightOp weight) {
    RankedTensorType type = weight.getTensorType();
    json.attribute("name", weight.getSymName());
    json.attribute("kind", nn::stringifyEnum(*weight.getState()));
    json.attribute("dtype", dtypeName(type.getElementType()));
    json.attributeArray("dims", [&] {
      for (int64_t dim : type.getShape())
        json.value(dim);
    });
    json.attribute("offset", offset);
    offset = llvm::alignTo(offset + type.getNumElements() *
                                        nn::storageBytes(type.getElementType()),
                           format::kWeightAlign);
    auto place = initial.find(weight.getSymName());
    if (place == initial.end())
      return;
    json.attribute("section", place->second.section);
    json.attribute("at", int64_t(place->second.offset));
  };
  json.object([&] {
    json.attribute("version", 1);
    json.attributeArray("tensors", [&] {
      for (nn::WeightOp weight : weights)
        json.object([&] { printTensor(weight); });
    });
  });
  return text;
}

} // namespace attune::target::package
