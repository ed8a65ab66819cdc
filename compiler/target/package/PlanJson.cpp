// Writes a plan.program as JSON. Buffers, kernels and nodes are numbered in the
// order of the program; the lifetime of an arena buffer is where it is used.
#include "compiler/target/package/PlanJson.h"

#include "compiler/target/package/ExprTable.h"
#include "dialects/nn/NodeName.h"
#include "llvm/ADT/MapVector.h"

namespace attune::target::package {

using namespace mlir;
using llvm::json::OStream;

StringRef dtypeName(Type type) {
  if (type.isInteger(1))
    return "bool";
  if (type.isBF16())
    return "bf16";
  static constexpr std::pair<unsigned, StringLiteral> floats[] = {
      {64, "f64"}, {32, "f32"}, {16, "f16"}};
  static constexpr std::pair<unsigned, StringLiteral> ints[] = {
      {64, "i64"}, {32, "i32"}, {16, "i16"}, {8, "i8"}};
  unsigned width = type.getIntOrFloatBitWidth();
  for (auto [bits, name] :
       isa<FloatType>(type) ? ArrayRef(floats) : ArrayRef(ints))
    if (bits == width)
      return name;
  llvm_unreachable("type without a name in the package");
}

namespace {

SmallVector<StringRef> symbolNames(plan::ProgramOp program) {
  SmallVector<StringRef> names;
  for (NamedAttribute symbol : program.getSymbols())
    names.push_back(symbol.getName().getValue());
  return names;
}

// Nodes of a launch that has so many kernels to choose from: a condition before
// each but the last.
int64_t nodesOf(size_t kernels) { return 2 * int64_t(kernels) - 1; }

// Not 0 if the first is no greater than any of the others.
nn::DimAttr isLeast(ArrayRef<nn::DimAttr> costs) {
  nn::DimAttr least = costs[1];
  for (nn::DimAttr cost : costs.drop_front(2))
    least = least.min(cost);
  nn::DimAttr zero = nn::DimAttr::constant(least.getContext(), 0);
  return (least - costs.front() + 1).max(zero);
}

class PlanPrinter {
public:
  PlanPrinter(plan::ProgramOp program,
              const llvm::StringMap<WeightPlace> &weights,
              const llvm::StringMap<int64_t> &states,
              const llvm::StringMap<GpuLaunch> &launches, OStream &json)
      : program(program), weights(weights), states(states), launches(launches),
        json(json), exprs(symbolNames(program)) {}

  void print();

private:
  void number();
  void printSymbols();
  void printValue(StringRef name, Value buffer, Type dtype, nn::ShapeAttr dims);
  void printBuffer(Value buffer);
  void printNodes(plan::LaunchOp launch);
  void printNode(plan::LaunchOp launch, StringRef kernel, nn::DimAttr grid);
  void printSlots(plan::LaunchOp launch);
  void printCopy(plan::CopyOp copy);

  plan::ProgramOp program;
  const llvm::StringMap<WeightPlace> &weights;
  const llvm::StringMap<int64_t> &states;
  const llvm::StringMap<GpuLaunch> &launches;
  OStream &json;
  ExprTable exprs;
  llvm::MapVector<Value, int64_t> buffers;
  llvm::MapVector<StringRef, std::pair<int64_t, StringRef>>
      kernels; // symbol -> number, family
  llvm::DenseMap<Value, std::pair<int64_t, int64_t>>
      lifetimes; // first and last node
};

void PlanPrinter::number() {
  int64_t node = 0;
  for (Operation &op : program.getBody().front()) {
    for (Value result : op.getResults())
      buffers.insert({result, buffers.size()});
    int64_t first = node, count = isa<plan::CopyOp>(op);
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      SmallVector<FlatSymbolRefAttr> names = launch.getKernels();
      for (FlatSymbolRefAttr name : names)
        kernels.insert({name.getValue(),
                        {kernels.size(), stringifyEnum(launch.getKind())}});
      // Where there is a choice it is the first node, and touches nothing.
      count = nodesOf(names.size());
      first += names.size() > 1;
    }
    if (!count)
      continue; // an output, or a buffer
    node += count;
    for (Value buffer : op.getOperands()) {
      auto it = lifetimes.try_emplace(buffer, first, node - 1).first;
      it->second.second = node - 1;
    }
  }
}

void PlanPrinter::printSymbols() {
  json.attributeArray("symbols", [&] {
    for (NamedAttribute symbol : program.getSymbols()) {
      auto range = cast<nn::RangeAttr>(symbol.getValue());
      json.object([&] {
        json.attribute("name", symbol.getName().getValue());
        json.attribute("min", range.getMin());
        json.attribute("max", range.getMax() < 0
                                  ? llvm::json::Value(nullptr)
                                  : llvm::json::Value(range.getMax()));
        json.attribute("divisor", range.getDivisor());
      });
    }
  });
}

void PlanPrinter::printValue(StringRef name, Value buffer, Type dtype,
                             nn::ShapeAttr dims) {
  json.object([&] {
    json.attribute("name", name);
    json.attribute("dtype", dtypeName(dtype));
    json.attributeArray("dims", [&] {
      for (nn::DimAttr dim : dims.getDims())
        json.value(exprs.add(dim));
    });
    json.attribute("buffer", buffers.lookup(buffer));
  });
}

void PlanPrinter::printBuffer(Value buffer) {
  Operation *op = buffer.getDefiningOp();
  json.object([&] {
    if (auto input = dyn_cast<plan::InputOp>(op)) {
      json.attribute("kind", "input");
      int64_t width =
          llvm::divideCeil(input.getDtype().getIntOrFloatBitWidth(), 8);
      json.attribute("bytes",
                     exprs.add(nn::numElements(input.getDims().getDims(),
                                               op->getContext()) *
                               width));
    } else if (auto result = dyn_cast<plan::ResultOp>(op)) {
      json.attribute("kind", "output");
      json.attribute("bytes", exprs.add(result.getBytes()));
    } else if (auto weight = dyn_cast<plan::WeightOp>(op)) {
      WeightPlace place = weights.lookup(weight.getWeight());
      json.attribute("kind", "weight");
      json.attribute("bytes", exprs.addConstant(weight.getBytes()));
      json.attribute("section", place.section);
      json.attribute("offset", int64_t(place.offset));
    } else if (auto state = dyn_cast<plan::StateOp>(op)) {
      json.attribute("kind", "state");
      json.attribute("bytes", exprs.addConstant(state.getBytes()));
      json.attribute("tensor", states.lookup(state.getWeight()));
    } else {
      auto [first, last] = lifetimes.lookup(buffer);
      json.attribute("kind", "arena");
      json.attribute("bytes", exprs.add(cast<plan::AllocateOp>(op).getBytes()));
      json.attribute("first", first);
      json.attribute("last", last);
    }
  });
}

void PlanPrinter::printSlots(plan::LaunchOp launch) {
  auto pointers = [&](StringRef access, ValueRange values,
                      nn::ShapeAttr offsets) {
    for (auto [value, offset] : llvm::zip(values, offsets.getDims()))
      json.array([&] {
        json.value(access);
        json.value(buffers.lookup(value));
        json.value(exprs.add(offset));
      });
  };
  json.attributeArray("slots", [&] {
    pointers("in", launch.getInputs(), launch.getInputOffsets());
    pointers("out", launch.getOutputs(), launch.getOutputOffsets());
    for (nn::DimAttr value : launch.getIntegers().getDims())
      json.array([&] {
        json.value("int");
        json.value(exprs.add(value));
      });
    if (launch.getScratch().getConstant() == 0)
      return;
    json.array([&] { json.value("scratch_stride"); });
    json.array([&] { json.value("scratch"); });
  });
}

// Each kernel but the last stands behind a condition: that it costs no more
// than the cheapest of those after it.
void PlanPrinter::printNodes(plan::LaunchOp launch) {
  SmallVector<FlatSymbolRefAttr> names = launch.getKernels();
  SmallVector<nn::DimAttr> grids = launch.getGrids();
  for (auto [index, name, grid] : llvm::enumerate(names, grids)) {
    size_t after = names.size() - 1 - index;
    if (after)
      json.object([&] {
        json.attributeObject("if", [&] {
          ArrayRef<nn::DimAttr> costs = launch.getCosts()->getDims();
          json.attribute("cond", exprs.add(isLeast(costs.drop_front(index))));
          json.attribute("then", 1);
          json.attribute("else", nodesOf(after));
        });
      });
    printNode(launch, name.getValue(), grid);
  }
}

void PlanPrinter::printNode(plan::LaunchOp launch, StringRef kernel,
                            nn::DimAttr grid) {
  json.object([&] {
    json.attributeObject("launch", [&] {
      json.attribute("kernel", kernels.lookup(kernel).first);
      json.attribute("grid", exprs.add(grid));
      json.attribute("grain", exprs.add(launch.getGrain()));
      json.attribute("scratch", exprs.add(launch.getScratch()));
      printSlots(launch);
      json.attribute("name", nn::nodeName(launch.getLoc()));
      json.attribute("op", stringifyEnum(launch.getKind()));
      json.attribute("flops", exprs.add(launch.getFlops()));
      json.attribute("bytes", exprs.add(launch.getBytes()));
    });
  });
}

void PlanPrinter::printCopy(plan::CopyOp copy) {
  auto zero = nn::DimAttr::constant(copy.getContext(), 0);
  json.object([&] {
    json.attributeObject("copy", [&] {
      json.attribute("dst", buffers.lookup(copy.getTarget()));
      json.attribute("dst_offset", exprs.add(zero));
      json.attribute("src", buffers.lookup(copy.getSource()));
      json.attribute("src_offset", exprs.add(zero));
      json.attribute("bytes", exprs.add(copy.getBytes()));
      json.attribute("name", nn::nodeName(copy.getLoc()));
    });
  });
}

void PlanPrinter::print() {
  number();
  Block &body = program.getBody().front();
  json.object([&] {
    json.attribute("version", 1);
    printSymbols();
    json.attributeArray("inputs", [&] {
      for (auto input : body.getOps<plan::InputOp>())
        printValue(input.getName(), input.getBuffer(), input.getDtype(),
                   input.getDims());
    });
    json.attributeArray("outputs", [&] {
      for (auto output : body.getOps<plan::OutputOp>())
        printValue(output.getName(), output.getBuffer(), output.getDtype(),
                   output.getDims());
    });
    json.attributeArray("buffers", [&] {
      for (auto &[buffer, number] : buffers)
        printBuffer(buffer);
    });
    json.attributeArray("kernels", [&] {
      for (auto &[symbol, kernel] : kernels)
        json.object([&] {
          json.attribute("symbol", symbol);
          json.attribute("family", kernel.second);
          auto launch = launches.find(symbol);
          if (launch == launches.end())
            return;
          json.attribute("threads", launch->second.threads);
          json.attribute("shared_bytes", launch->second.sharedBytes);
          json.attribute("items", launch->second.items);
        });
    });
    json.attributeArray("nodes", [&] {
      for (Operation &op : body)
        if (auto launch = dyn_cast<plan::LaunchOp>(op))
          printNodes(launch);
        else if (auto copy = dyn_cast<plan::CopyOp>(op))
          printCopy(copy);
    });
    exprs.print(json); // last: everything before adds to it
  });
}

} // namespace

std::string planJson(plan::ProgramOp program,
                     const llvm::StringMap<WeightPlace> &weights,
                     const llvm::StringMap<int64_t> &states,
                     const llvm::StringMap<GpuLaunch> &launches) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OStream json(os);
  PlanPrinter(program, weights, states, launches, json).print();
  return text;
}

} // namespace attune::target::package
