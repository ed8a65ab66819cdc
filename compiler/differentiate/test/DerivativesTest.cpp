// Each derivative, for every op, kind and attribute: against central
// differences in double precision, and compiled against itself in double
// precision.
#include "compiler/differentiate/Gradients.h"
#include "compiler/differentiate/test/Differences.h"
#include "dialects/nn/ElementwiseKinds.h"
#include "llvm/ADT/StringSet.h"

using namespace attune;
using namespace attune::differentiate;
using namespace mlir;
using nn::Array;
using nn::DimAttr;
using nn::Dims;
using nn::ShapeAttr;
using Kind = nn::ElementwiseKind;

namespace {

struct DerivativesTest : DifferencesTest {
  ShapeAttr shape(ArrayRef<DimAttr> dims) {
    return ShapeAttr::get(&context, dims);
  }
  ShapeAttr shape(ArrayRef<int64_t> dims) {
    return ShapeAttr::get(&context, dims);
  }
};

Domain domainOf(Kind kind) {
  switch (kind) {
  case Kind::Log:
  case Kind::Sqrt:
  case Kind::Rsqrt:
  case Kind::Reciprocal:
  case Kind::Div:
  case Kind::Pow:
  case Kind::Mod:
  case Kind::Fmod:
    return Domain::Positive;
  default:
    return Domain::Any;
  }
}

TEST_F(DerivativesTest, FunctionsOfOneOperand) {
  for (Kind kind : kindsOf(1)) {
    if (hasNoSlope(kind) || kind == Kind::Cast)
      continue;
    SCOPED_TRACE(nn::stringifyEnum(kind).str());
    check({{{"B", 7}, domainOf(kind)}}, [&](Site &, ArrayRef<Expr> in) {
      return SmallVector<Value>{apply(kind, {in[0]})};
    });
  }
}

TEST_F(DerivativesTest, FunctionsOfTwoOperands) {
  const std::vector<TestDim> shapes[][2] = {{{"B", 3}, {"B", 3}},
                                            {{"B", 1, 3}, {2, 1}},
                                            {{}, {2, "B"}},
                                            {{"B", 3}, {3}}};
  for (Kind kind : kindsOf(2))
    for (const auto &[left, right] : shapes) {
      if (hasNoSlope(kind))
        continue;
      SCOPED_TRACE(nn::stringifyEnum(kind).str());
      bool jumps = kind == Kind::Mod || kind == Kind::Fmod;
      if (jumps) // quotients k + 1/2, far from where they jump
        adjust = [&](MutableArrayRef<Array> in) {
          for (double &x : in[0].floats())
            x = double(draw(-3, 3)) + 0.5;
          for (double &x : in[1].floats())
            x = 0.999;
        };
      check({{left, domainOf(kind)}, {right, domainOf(kind)}},
            [&](Site &, ArrayRef<Expr> in) {
              return SmallVector<Value>{apply(kind, {in[0], in[1]})};
            });
      adjust = nullptr;
    }
}

TEST_F(DerivativesTest, Select) {
  check({{{"B", 1}, Domain::Bool, 0, false}, {{"B", 5}}, {{5}}},
        [&](Site &, ArrayRef<Expr> in) {
          return SmallVector<Value>{select(in[0], in[1], in[2])};
        });
}

TEST_F(DerivativesTest, CastsBetweenFloats) {
  check({{{"B", 3}}}, [&](Site &site, ArrayRef<Expr> in) {
    Expr narrow = castTo(in[0], site.builder.getF32Type());
    return SmallVector<Value>{castTo(narrow * narrow, realType())};
  });
}

TEST_F(DerivativesTest, Reductions) {
  for (auto kind :
       {nn::ReduceKind::Sum, nn::ReduceKind::Mean, nn::ReduceKind::Max,
        nn::ReduceKind::Min, nn::ReduceKind::Prod})
    for (const std::vector<int64_t> &axes :
         std::vector<std::vector<int64_t>>{{0}, {1}, {0, 2}, {0, 1, 2}})
      for (bool keepdims : {false, true}) {
        SCOPED_TRACE(nn::stringifyEnum(kind).str());
        check({{{"B", 3, "S"}}}, [&](Site &site, ArrayRef<Expr> in) {
          return SmallVector<Value>{nn::ReduceOp::create(
              site.builder, site.loc, nn::ReduceKindAttr::get(&context, kind),
              in[0], site.builder.getDenseI64ArrayAttr(axes),
              keepdims ? site.builder.getUnitAttr() : UnitAttr())};
        });
      }
}

// The product is linear in each element, zeros included.
TEST_F(DerivativesTest, ProductsWithZeros) {
  for (int zeros : {1, 2, 3}) {
    adjust = [&](MutableArrayRef<Array> in) {
      for (int i = 0; i < zeros; ++i)
        in[0].floats()[i] = 0;
    };
    check({{{3, 2}}}, [&](Site &, ArrayRef<Expr> in) {
      return SmallVector<Value>{
          reduceKeeping(nn::ReduceKind::Prod, in[0], {0})};
    });
  }
}

// Batch, free and contracted dims in any number and order on both sides.
TEST_F(DerivativesTest, ContractsWithAnyDimensionNumbers) {
  for (int repeat = 0; repeat < 24; ++repeat) {
    const char *names[] = {"A", "B", "C", "D", "E", "F", "G", "H"};
    int next = 0;
    auto some = [&](int64_t most) {
      std::vector<const char *> dims;
      for (int64_t i = draw(0, most); i > 0; --i)
        dims.push_back(names[next++]);
      return dims;
    };
    auto batch = some(2), contracted = some(2);
    struct Side {
      std::vector<TestDim> shape;
      SmallVector<int64_t> batch, contracting;
    };
    auto makeSide = [&] {
      std::vector<const char *> dims = some(2);
      dims.insert(dims.end(), batch.begin(), batch.end());
      dims.insert(dims.end(), contracted.begin(), contracted.end());
      std::shuffle(dims.begin(), dims.end(), random);
      Side side;
      side.shape.assign(dims.begin(), dims.end());
      auto axesOf = [&](ArrayRef<const char *> wanted) {
        return llvm::map_to_vector(wanted, [&](const char *name) {
          return int64_t(llvm::find(dims, name) - dims.begin());
        });
      };
      side.batch = axesOf(batch);
      side.contracting = axesOf(contracted);
      return side;
    };
    Side lhs = makeSide(), rhs = makeSide();
    bool isNarrow = repeat % 4 == 0;
    check({{lhs.shape}, {rhs.shape}}, [&](Site &site, ArrayRef<Expr> in) {
      Builder &b = site.builder;
      Expr left = in[0], right = in[1];
      if (isNarrow) {
        left = castTo(left, b.getF32Type());
        right = castTo(right, b.getF32Type());
      }
      return SmallVector<Value>{nn::ContractOp::create(
          site.builder, site.loc, left, right,
          b.getDenseI64ArrayAttr(lhs.batch), b.getDenseI64ArrayAttr(rhs.batch),
          b.getDenseI64ArrayAttr(lhs.contracting),
          b.getDenseI64ArrayAttr(rhs.contracting), TypeAttr::get(realType()))};
    });
  }
}

TEST_F(DerivativesTest, Norms) {
  for (auto kind : {nn::NormKind::Layer, nn::NormKind::Rms})
    for (int64_t axis : {1, 2})
      for (int form = 0; form < 8; ++form) {
        bool isScaled = form & 1, isBiased = form & 2, isRead = form & 4;
        SCOPED_TRACE(form);
        std::vector<TestDim> normalised;
        if (axis == 1)
          normalised.push_back(3);
        normalised.push_back(4);
        std::vector<TestInput> inputs = {{{"B", 3, 4}}};
        inputs.resize(1 + isScaled + isBiased, {normalised});
        check(inputs, [&](Site &site, ArrayRef<Expr> in) {
          OpBuilder &b = site.builder;
          Type statistic = nn::tensorType(
              ArrayRef(in[0].dims()).take_front(axis), realType());
          bool isLayer = kind == nn::NormKind::Layer;
          auto op = nn::NormOp::create(
              b, site.loc, in[0].type(), isRead && isLayer ? statistic : Type(),
              isRead ? statistic : Type(),
              nn::NormKindAttr::get(&context, kind), in[0],
              b.getI64IntegerAttr(axis), b.getF64FloatAttr(1e-2),
              isScaled ? Value(in[1]) : Value(),
              isBiased ? Value(in[isScaled ? 2 : 1]) : Value());
          return SmallVector<Value>(op->getResults());
        });
      }
}

TEST_F(DerivativesTest, Softmax) {
  for (int64_t axis : {0, 1, 2})
    check({{{"B", 3, "S"}}}, [&](Site &site, ArrayRef<Expr> in) {
      return SmallVector<Value>{nn::SoftmaxOp::create(
          site.builder, site.loc, in[0], site.builder.getI64IntegerAttr(axis))};
    });
}

// Labels that count, one that is ignored, two that lie outside.
TEST_F(DerivativesTest, CrossEntropy) {
  adjust = [&](MutableArrayRef<Array> in) {
    int64_t labels[] = {2, -100, 7, -1};
    for (int64_t i = 0; i < 4; ++i)
      in[1].ints()[i] = labels[i];
  };
  for (double smoothing : {0.0, 0.1})
    for (int64_t ignored : {-100, 0})
      check({{{2, 4, 5}}, {{2, 4}, Domain::Index, 5, false}},
            [&](Site &site, ArrayRef<Expr> in) {
              OpBuilder &b = site.builder;
              Type rows = nn::tensorType(in[1].dims(), realType());
              auto op = nn::CrossEntropyOp::create(
                  b, site.loc, rows, rows, in[0], in[1],
                  b.getF64FloatAttr(smoothing), b.getI64IntegerAttr(ignored));
              return SmallVector<Value>(op->getResults());
            });
  // Symbolic rows and classes.
  adjust = nullptr;
  check({{{"B", "V"}}, {{"B"}, Domain::Index, 1, false}},
        [&](Site &site, ArrayRef<Expr> in) {
          OpBuilder &b = site.builder;
          Type rows = nn::tensorType(in[1].dims(), realType());
          auto op = nn::CrossEntropyOp::create(b, site.loc, rows, rows, in[0],
                                               in[1], b.getF64FloatAttr(0.2),
                                               b.getI64IntegerAttr(-100));
          return SmallVector<Value>(op->getResults());
        });
}

struct AttentionForm {
  nn::CausalKind causal = nn::CausalKind::None;
  std::optional<int64_t> window = {};
  std::optional<double> softcap = {}, dropout = {};
  std::vector<TestDim> bias = {}; ///< empty: none
  bool isMasked = false;
};

// Grouped queries, key and value sizes that differ, each attribute and all.
TEST_F(DerivativesTest, Attention) {
  using enum nn::CausalKind;
  const AttentionForm forms[] = {{},
                                 {TopLeft},
                                 {BottomRight, 2},
                                 {None, 2, 0.7},
                                 {None, {}, {}, 0.25},
                                 {None, {}, {}, {}, {4, "S", "T"}},
                                 {TopLeft, {}, {}, {}, {"B", 1, 1, "T"}, true},
                                 {BottomRight, 3, 1.5, 0.4, {1, "T"}, true}};
  for (const AttentionForm &form : forms) {
    SCOPED_TRACE(&form - forms);
    std::vector<TestInput> inputs = {
        {{"B", 4, "S", 3}}, {{"B", 2, "T", 3}}, {{"B", 2, "T", 2}}};
    if (!form.bias.empty())
      inputs.push_back({form.bias});
    if (form.isMasked)
      inputs.push_back({{"B", "T"}, Domain::Bool, 0, false});
    if (form.dropout)
      inputs.resize(inputs.size() + 3, {{}, Domain::Index, 1000, false});
    check(inputs, [&](Site &site, ArrayRef<Expr> in) {
      OpBuilder &b = site.builder;
      auto real = [&](std::optional<double> value) {
        return value ? b.getF64FloatAttr(*value) : FloatAttr();
      };
      auto whole = [&](std::optional<int64_t> value) {
        return value ? b.getI64IntegerAttr(*value) : IntegerAttr();
      };
      ArrayRef<Expr> rest = in.drop_front(3);
      auto take = [&](bool isThere) {
        Value value = isThere ? Value(rest.front()) : Value();
        rest = rest.drop_front(isThere);
        return value;
      };
      Value bias = take(!form.bias.empty()), mask = take(form.isMasked);
      SmallVector<Value> numbers(rest.begin(), rest.end());
      Dims dims = in[0].dims();
      dims.back() = in[2].dims().back();
      return SmallVector<Value>{
          nn::AttentionOp::create(
              b, site.loc, nn::tensorType(dims, realType()), TypeRange(), in[0],
              in[1], in[2], bias, mask, numbers, b.getF64FloatAttr(0.6),
              nn::CausalKindAttr::get(&context, form.causal),
              whole(form.window), real(form.softcap), real(form.dropout),
              form.dropout ? whole(5) : IntegerAttr())
              .getResult()};
    });
  }
}

TEST_F(DerivativesTest, Views) {
  check({{{"B", 6}}}, [&](Site &, ArrayRef<Expr> in) {
    DimAttr two = DimAttr::constant(&context, 2);
    return SmallVector<Value>{reshape(in[0], {in[0].dims()[0] * 3, two})};
  });
  check({{{"B", 2, 3, "S"}}}, [&](Site &, ArrayRef<Expr> in) {
    return SmallVector<Value>{transpose(in[0], {2, 0, 3, 1})};
  });
  check({{{"B", 1, 3}}}, [&](Site &, ArrayRef<Expr> in) {
    DimAttr two = DimAttr::constant(&context, 2);
    Dims dims = in[0].dims();
    return SmallVector<Value>{
        broadcast(in[0], {two, dims[0], dims[0], dims[2]})};
  });
}

TEST_F(DerivativesTest, SlicesWithAnyStep) {
  for (int repeat = 0; repeat < 24; ++repeat) {
    constexpr int kExtents[] = {7, 5};
    SmallVector<int64_t> starts, sizes, steps;
    for (int extent : kExtents) {
      int64_t step = draw(1, 3), size = draw(0, (extent - 1) / step + 1);
      int64_t reach = std::max<int64_t>(size - 1, 0) * step;
      int64_t start = draw(0, extent - 1 - reach);
      bool isBackwards = draw(0, 1);
      starts.push_back(isBackwards ? start + reach : start);
      sizes.push_back(size);
      steps.push_back(isBackwards ? -step : step);
    }
    check({{{kExtents[0], "B", kExtents[1]}}}, [&](Site &site,
                                                   ArrayRef<Expr> in) {
      DimAttr middle = in[0].dims()[1];
      auto with = [&](ArrayRef<int64_t> ends, DimAttr between) {
        auto of = [&](int64_t value) {
          return DimAttr::constant(&context, value);
        };
        return shape(Dims{of(ends[0]), between, of(ends[1])});
      };
      return SmallVector<Value>{nn::SliceOp::create(
          site.builder, site.loc, in[0], with(starts, middle - 1),
          with(sizes, middle), SmallVector<int64_t>{steps[0], -1, steps[1]})};
    });
  }
}

TEST_F(DerivativesTest, PadsAndConcats) {
  check({{{"B", 3}}, {{}}}, [&](Site &site, ArrayRef<Expr> in) {
    return SmallVector<Value>{nn::PadOp::create(
        site.builder, site.loc, in[0], in[1], shape(ArrayRef<int64_t>{0, 2}),
        shape(Dims{in[0].dims()[0], DimAttr::constant(&context, 1)}))};
  });
  check({{{2, "B"}}, {{2, 3}}, {{2, "S"}}}, [&](Site &site, ArrayRef<Expr> in) {
    return SmallVector<Value>{nn::ConcatOp::create(
        site.builder, site.loc, ValueRange{in[0], in[1], in[2], in[0]},
        site.builder.getI64IntegerAttr(1))};
  });
}

// Rows that are read twice, from the end, or not at all.
TEST_F(DerivativesTest, GathersAndScatters) {
  adjust = [&](MutableArrayRef<Array> in) {
    for (int64_t &index : in[1].ints())
      index -= 3;
  };
  for (int64_t axis : {0, 1}) {
    check({{{5, 5, 2}}, {{"B", 2}, Domain::Index, 6, false}},
          [&](Site &site, ArrayRef<Expr> in) {
            return SmallVector<Value>{
                nn::GatherOp::create(site.builder, site.loc, in[0], in[1],
                                     site.builder.getI64IntegerAttr(axis))};
          });
    std::vector<TestDim> updates = {"B", 2};
    updates.insert(updates.begin(), axis, TestDim(3));
    updates.insert(updates.end(), 2 - axis, TestDim(3));
    check({{updates}, {{"B", 2}, Domain::Index, 6, false}},
          [&](Site &site, ArrayRef<Expr> in) {
            SmallVector<int64_t> dims(3, 3);
            dims[axis] = 5;
            return SmallVector<Value>{nn::ScatterOp::create(
                site.builder, site.loc, RankedTensorType::get(dims, realType()),
                in[0], in[1], site.builder.getI64IntegerAttr(axis))};
          });
  }
}

TEST_F(DerivativesTest, Barrier) {
  check({{{"B", 3}}}, [&](Site &site, ArrayRef<Expr> in) {
    return SmallVector<Value>{nn::BarrierOp::create(
        site.builder, site.loc, in[0], site.builder.getI64IntegerAttr(7))};
  });
}

// A value that several ops read, one of them twice.
TEST_F(DerivativesTest, GradientsOfAllUsesAreAdded) {
  check({{{"B", 4}}, {{4}}}, [&](Site &, ArrayRef<Expr> in) {
    Expr x = in[0] * in[1];
    Expr y = x * x + exp(x) - x / (in[1] * in[1] + 1);
    return SmallVector<Value>{y + in[0], x};
  });
}

// Whoever adds an op says what its derivative is, or here that it has none.
TEST_F(DerivativesTest, EveryOpIsDifferentiableOrNamedAsNot) {
  const llvm::StringSet<llvm::MallocAllocator> without = {
      // Structure, and what comes after this stage.
      "nn.weight", "nn.load_weight", "nn.group", "nn.yield", "nn.launch",
      // No float operands.
      "nn.iota", "nn.dim", "nn.random",
      // Products and views by then: cleanup's ConvertConv.
      "nn.conv",
      // Nobody trains through a derivative.
      "nn.attention_backward"};
  for (RegisteredOperationName op :
       context.getRegisteredOperationsByDialect("nn")) {
    bool hasDerivative = op.hasInterface<DifferentiateOpInterface>();
    EXPECT_NE(hasDerivative, without.contains(op.getStringRef()))
        << op.getStringRef().str();
  }
}

} // namespace
