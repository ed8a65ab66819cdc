//===- RandomNumbers.cpp --------------------------------------------------===//
//
// Philox makes four numbers of one counter. Lanes that stand side by side are
// four words of each counter in turn:
//
//   counters, one for each 4 lanes -> 10 rounds -> words interleaved
//
// If the first lane is not the first word of its counter, twice as many
// counters give twice as many words, of which the right ones are taken. Lanes
// that stand elsewhere have a counter each and take one word of it.
//
// A word is an i64 whose upper half means nothing: the product of two words is
// then one instruction on all machines, and its halves need no move.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/RandomNumbers.h"
#include "dialects/nn/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

static constexpr int64_t kWords = 4; ///< of one counter

namespace {

class Philox {
public:
  /// `type`: i64 or a vector of them.
  Philox(Emitter &emit, const RandomStream &stream, Type type)
      : emit(emit), stream(stream), type(type) {}

  /// The four words of each counter.
  std::array<Value, kWords> words(Value counter);
  /// Of i32 words the f32.
  static Value toFloat(Emitter &emit, Value words);

  Value all(uint64_t number);
  Value all(Value scalar);
  Value upper(Value x) {
    return arith::ShRUIOp::create(emit, x, all(uint64_t(32)));
  }
  Value lower(Value x) {
    return arith::AndIOp::create(emit, x, all(uint64_t(~uint32_t(0))));
  }

private:
  Value exclusiveOr(Value a, Value b) {
    return arith::XOrIOp::create(emit, a, b);
  }
  Value product(Value word, uint32_t by) {
    return arith::MulIOp::create(emit, lower(word), all(uint64_t(by)));
  }

  Emitter &emit;
  const RandomStream &stream;
  Type type;
};

} // namespace

Value Philox::all(uint64_t number) {
  TypedAttr scalar = emit.getI64IntegerAttr(int64_t(number));
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(emit,
                                     DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(emit, scalar);
}

Value Philox::all(Value scalar) {
  if (!isa<VectorType>(type))
    return scalar;
  return vector::BroadcastOp::create(emit, type, scalar);
}

std::array<Value, kWords> Philox::words(Value counter) {
  std::array<Value, kWords> words = {counter, upper(counter), all(stream.id),
                                     all(stream.step)};
  // Sums of keys are scalars, the same for all counters.
  Value low = stream.seed, high = emit.integer(32);
  high = arith::ShRUIOp::create(emit, low, high);
  for (int round = 0; round < nn::kPhiloxRounds; ++round) {
    Value first = product(words[0], nn::kPhiloxMultipliers[0]);
    Value second = product(words[2], nn::kPhiloxMultipliers[1]);
    words = {
        exclusiveOr(exclusiveOr(upper(second), words[1]), all(low)), second,
        exclusiveOr(exclusiveOr(upper(first), words[3]), all(high)), first};
    low = emit.add(low, int64_t(nn::kPhiloxKeySteps[0]));
    high = emit.add(high, int64_t(nn::kPhiloxKeySteps[1]));
  }
  return words;
}

/// The upper 24 bits, which an f32 holds: exact.
Value Philox::toFloat(Emitter &emit, Value words) {
  auto like = [&](TypedAttr value) -> Value {
    if (auto vector = dyn_cast<VectorType>(words.getType()))
      return arith::ConstantOp::create(
          emit, DenseElementsAttr::get(vector.clone(value.getType()), value));
    return arith::ConstantOp::create(emit, value);
  };
  Value bits =
      arith::ShRUIOp::create(emit, words, like(emit.getI32IntegerAttr(8)));
  Type type = emit.getF32Type();
  if (auto vector = dyn_cast<VectorType>(words.getType()))
    type = vector.clone(type);
  Value integer = arith::SIToFPOp::create(emit, type, bits);
  return arith::MulFOp::create(emit, integer,
                               like(emit.getF32FloatAttr(0x1p-24f)));
}

//===----------------------------------------------------------------------===//
// Lanes anywhere
//===----------------------------------------------------------------------===//

/// One word of a counter for each lane, or for the scalar.
static Value anywhere(Emitter &emit, const RandomStream &stream,
                      Value positions) {
  Type type = positions.getType();
  Philox philox(emit, stream, type);
  auto shifted =
      arith::ShRUIOp::create(emit, positions, philox.all(uint64_t(2)));
  std::array<Value, kWords> words = philox.words(shifted);
  auto hasBit = [&](uint64_t bit) -> Value {
    Value masked =
        arith::AndIOp::create(emit, positions, philox.all(uint64_t(bit)));
    return arith::CmpIOp::create(emit, arith::CmpIPredicate::ne, masked,
                                 philox.all(uint64_t(0)));
  };
  auto choose = [&](Value condition, Value yes, Value no) -> Value {
    return arith::SelectOp::create(emit, condition, yes, no);
  };
  Value odd = hasBit(1);
  Value word = choose(hasBit(2), choose(odd, words[3], words[2]),
                      choose(odd, words[1], words[0]));
  Type narrow = emit.getI32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    narrow = vector.clone(narrow);
  return arith::TruncIOp::create(emit, narrow, word);
}

//===----------------------------------------------------------------------===//
// Lanes side by side
//===----------------------------------------------------------------------===//

/// The i32 words of `counters` counters from `first` on, in order.
static Value wordsInOrder(Emitter &emit, const RandomStream &stream,
                          Value first, int64_t counters) {
  Type i64 = emit.getI64Type(), i32 = emit.getI32Type();
  auto type = VectorType::get(counters, i64);
  Philox philox(emit, stream, type);
  auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, counters));
  Value offsets = arith::ConstantOp::create(
      emit, DenseElementsAttr::get(type, ArrayRef<int64_t>(numbers)));
  std::array<Value, kWords> words =
      philox.words(arith::AddIOp::create(emit, philox.all(first), offsets));
  // Lower halves side by side are an i64; pairs are then interleaved. (Shifted
  // by 32, a product would become a longer one.)
  auto halves = VectorType::get(2 * counters, i32);
  SmallVector<int64_t> lower;
  for (int64_t i = 0; i < counters; ++i)
    llvm::append_values(lower, 2 * i, 2 * (counters + i));
  auto pair = [&](Value low, Value high) -> Value {
    Value both = vector::ShuffleOp::create(
        emit, vector::BitCastOp::create(emit, halves, low),
        vector::BitCastOp::create(emit, halves, high), ArrayRef(lower));
    return vector::BitCastOp::create(emit, type, both);
  };
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < counters; ++i)
    llvm::append_values(order, i, counters + i);
  Value pairs =
      vector::ShuffleOp::create(emit, pair(words[0], words[1]),
                                pair(words[2], words[3]), ArrayRef(order));
  return vector::BitCastOp::create(
      emit, VectorType::get(kWords * counters, i32), pairs);
}

/// Lanes first, first + 1, ... of twice as many, where first is `rest`, 0 to 3.
static Value lanesFrom(Emitter &emit, Value words, Value rest) {
  int64_t count = cast<VectorType>(words.getType()).getNumElements();
  for (int64_t distance : {2, 1}) {
    // What is moved in from the other end is never taken.
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < count; ++i)
      order.push_back((i + distance) % count);
    Value moved =
        vector::ShuffleOp::create(emit, words, words, ArrayRef(order));
    Value bit = arith::AndIOp::create(emit, rest, emit.integer(distance));
    Value isSet = emit.equal(bit, emit.integer(distance));
    words = arith::SelectOp::create(emit, isSet, moved, words);
  }
  return vector::ExtractStridedSliceOp::create(
      emit, words, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{count / 2},
      ArrayRef<int64_t>{1});
}

static Value sideBySide(Emitter &emit, const RandomStream &stream,
                        Value position) {
  Value rest = arith::AndIOp::create(emit, position, emit.integer(kWords - 1));
  Value first = arith::ShRUIOp::create(emit, position, emit.integer(2));
  int64_t counters = emit.lanes / kWords;
  return emit
      .ifElse(
          emit.equal(rest, emit.integer(0)), emit.vector(emit.getI32Type()),
          [&] {
            return Emitter::Values{wordsInOrder(emit, stream, first, counters)};
          },
          [&] {
            Value words = wordsInOrder(emit, stream, first, 2 * counters);
            return Emitter::Values{lanesFrom(emit, words, rest)};
          })
      .front();
}

Value attune::target::common::uniformNumbers(Emitter &emit,
                                             const RandomStream &stream,
                                             Value position, Value stride) {
  Value words;
  if (stride && emit.constant(stride) == 1 && emit.lanes % kWords == 0) {
    words = sideBySide(emit, stream, position);
  } else if (stride) {
    Value offsets = arith::MulIOp::create(
        emit, emit.laneNumbers(emit.getI64Type()), emit.splat(stride));
    words =
        anywhere(emit, stream,
                 arith::AddIOp::create(emit, emit.splat(position), offsets));
  } else {
    words = anywhere(emit, stream, position);
  }
  return Philox::toFloat(emit, words);
}
