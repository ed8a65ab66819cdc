//===- SharedTile.cpp -----------------------------------------------------===//
#include "compiler/target/cuda/SharedTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attune::target::cuda;

SharedTile::SharedTile(Emitter &emit, SharedMemory &memory, Type element,
                       int64_t rows, int64_t columns, int64_t stages)
    : element(element), rows(rows),
      columns(llvm::alignTo(columns,
                            kChunkBytes * 8 / element.getIntOrFloatBitWidth())),
      emit(emit) {
  int64_t chunks = chunksPerRow();
  bool isPower = llvm::isPowerOf2_64(chunks);
  pitch = isPower ? chunks : chunks | 1;
  // Rows of fewer than 8 chunks: several lie in one turn of the banks and need
  // no exchange among themselves.
  swizzle = isPower ? std::min<int64_t>(chunks, 8) - 1 : 0;
  shift = isPower && chunks < 8 ? 3 - llvm::Log2_64(chunks) : 0;
  start = memory.add(stages * rows * pitch * kChunkBytes);
}

int64_t SharedTile::elementBytes() const {
  return element.getIntOrFloatBitWidth() / 8;
}

Value SharedTile::chunkAt(Value row, Value chunk) const {
  if (swizzle) {
    Value turn = emit.div(row, emit.integer(int64_t(1) << shift));
    turn = emit.rem(turn, emit.integer(swizzle + 1));
    chunk = arith::XOrIOp::create(emit, chunk, turn);
  }
  if (stage)
    row = emit.add(row, emit.mul(stage, rows));
  Value offset = emit.add(emit.mul(row, pitch), chunk);
  return emit.at(emit.shared(start), emit.mul(offset, kChunkBytes),
                 emit.getI8Type());
}

Value SharedTile::elementAt(Value row, Value column) const {
  Value each = emit.integer(chunkElements());
  return emit.at(chunkAt(row, emit.div(column, each)), emit.rem(column, each),
                 element);
}

void SharedTile::fill(const GlobalTile &from, Value aligned,
                      int64_t threads) const {
  auto chunks = [&] {
    // In the midst of an operand nothing needs to be asked of single chunks.
    Value whole = arith::AndIOp::create(
        emit, emit.less(emit.integer(rows - 1), from.rows),
        emit.less(emit.integer(columns - 1), from.columns));
    choose(
        whole, [&] { copyChunks(from, threads, true); },
        [&] { copyChunks(from, threads, false); });
  };
  choose(aligned, chunks, [&] { copyElements(from, threads); });
}

void SharedTile::choose(Value condition, function_ref<void()> then,
                        function_ref<void()> otherwise) const {
  if (std::optional<int64_t> known = Emitter::constant(condition))
    return *known ? then() : otherwise();
  auto nothing = [](function_ref<void()> body) {
    return [body] {
      body();
      return Emitter::Values();
    };
  };
  emit.ifElse(condition, TypeRange(), nothing(then), nothing(otherwise));
}

/// Chunk number `thread`, `thread + threads` and so on, unrolled. Where a row's
/// chunks divide the threads, a thread stays in one column of chunks and its
/// addresses differ by multiples of the row stride.
void SharedTile::copyChunks(const GlobalTile &from, int64_t threads,
                            bool whole) const {
  int64_t perRow = chunksPerRow(), total = rows * perRow;
  Value thread = whole ? emit.threadIndex() : emit.threadIndexAnew();
  Value row = emit.div(thread, emit.integer(perRow)),
        chunk = emit.rem(thread, emit.integer(perRow));
  Value start =
      emit.add(emit.mul(row, from.rowStride), emit.mul(chunk, chunkElements()));
  for (int64_t first = 0; first < total; first += threads) {
    auto copy = [&] {
      Value offset = start;
      if (threads % perRow == 0) {
        Value skipped = emit.integer(first / perRow);
        offset = emit.add(start, emit.mul(skipped, from.rowStride));
        row = emit.add(emit.div(thread, emit.integer(perRow)), skipped);
      } else if (first) {
        Value number = emit.add(thread, first);
        row = emit.div(number, emit.integer(perRow));
        chunk = emit.rem(number, emit.integer(perRow));
        offset = emit.add(emit.mul(row, from.rowStride),
                          emit.mul(chunk, chunkElements()));
      }
      copyChunk(from, row, chunk, offset, whole);
    };
    if (first + threads <= total)
      copy();
    else
      emit.ifThen(emit.less(thread, emit.integer(total - first)), copy);
  }
}

void SharedTile::copyChunk(const GlobalTile &from, Value row, Value chunk,
                           Value offset, bool whole) const {
  Value to = chunkAt(row, chunk);
  if (whole)
    return emit.copyAsync(to, emit.at(from.pointer, offset, element),
                          kChunkBytes);
  // Nothing is read beyond the operand, not even through a pointer.
  Value column = emit.mul(chunk, chunkElements());
  Value left = emit.max(emit.sub(from.columns, column), emit.integer(0));
  Value valid =
      emit.mul(emit.min(left, emit.integer(chunkElements())), elementBytes());
  valid = arith::SelectOp::create(emit, emit.less(row, from.rows), valid,
                                  emit.integer(0));
  Value hasBytes = emit.less(emit.integer(0), valid);
  offset = arith::SelectOp::create(emit, hasBytes, offset, emit.integer(0));
  valid = arith::TruncIOp::create(emit, emit.getI32Type(), valid);
  emit.copyAsync(to, emit.at(from.pointer, offset, element), kChunkBytes,
                 valid);
}

void SharedTile::copyElements(const GlobalTile &from, int64_t threads) const {
  // Neighbouring threads along the side that is contiguous in memory.
  std::optional<int64_t> rowStep = Emitter::constant(from.rowStride);
  bool alongRows = rowStep && *rowStep == 1;
  int64_t inner = alongRows ? rows : columns;
  Value zero = arith::ConstantOp::create(emit, emit.getZeroAttr(element));
  emit.forLoop(
      emit.threadIndexAnew(), emit.integer(rows * columns), threads,
      [&](Value number) {
        Value major = emit.div(number, emit.integer(inner)),
              minor = emit.rem(number, emit.integer(inner));
        Value row = alongRows ? minor : major,
              column = alongRows ? major : minor;
        Value inside = arith::AndIOp::create(emit, emit.less(row, from.rows),
                                             emit.less(column, from.columns));
        Value value = emit.ifElse(
            inside, element,
            [&] {
              Value offset = emit.add(emit.mul(row, from.rowStride),
                                      emit.mul(column, from.columnStride));
              return Emitter::Values{
                  emit.load(emit.at(from.pointer, offset, element), element)};
            },
            [&] { return Emitter::Values{zero}; })[0];
        emit.store(value, elementAt(row, column));
      });
}

Value attune::target::cuda::isAligned(Emitter &emit, const GlobalTile &tile,
                                      Type element) {
  auto no = [&] {
    return arith::ConstantOp::create(emit, emit.getBoolAttr(false)).getResult();
  };
  std::optional<int64_t> columnStride = Emitter::constant(tile.columnStride),
                         rowStride = Emitter::constant(tile.rowStride);
  int64_t each =
      SharedTile::kChunkBytes / (element.getIntOrFloatBitWidth() / 8);
  if ((columnStride && *columnStride != 1) || (rowStride && *rowStride % each))
    return no();
  Value address =
      LLVM::PtrToIntOp::create(emit, emit.getI64Type(), tile.pointer);
  Value isZero =
      emit.equal(emit.rem(address, emit.integer(SharedTile::kChunkBytes)),
                 emit.integer(0));
  auto also = [&](Value condition) {
    isZero = arith::AndIOp::create(emit, isZero, condition);
  };
  if (!rowStride)
    also(emit.equal(emit.rem(tile.rowStride, emit.integer(each)),
                    emit.integer(0)));
  if (!columnStride)
    also(emit.equal(tile.columnStride, emit.integer(1)));
  return isZero;
}
