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
  start = memory.add(stages * stageBytes());
}

int64_t SharedTile::elementBytes() const {
  return element.getIntOrFloatBitWidth() / 8;
}

void SharedTile::select(Value stage) {
  stageOffset = emit.mul(stage, stageBytes());
}

/// A sum as what varies and what is constant in it.
static std::pair<Value, int64_t> splitConstant(Emitter &emit, Value sum) {
  if (std::optional<int64_t> known = Emitter::constant(sum))
    return {emit.integer(0), *known};
  auto add = sum.getDefiningOp<arith::AddIOp>();
  if (!add)
    return {sum, 0};
  auto [x, a] = splitConstant(emit, add.getLhs());
  auto [y, b] = splitConstant(emit, add.getRhs());
  return {emit.add(x, y), a + b};
}

/// Takes the largest constant multiple of `unit` out of `sum`.
static int64_t splitMultiple(Emitter &emit, Value &sum, int64_t unit) {
  auto [varying, constant] = splitConstant(emit, sum);
  int64_t multiple = llvm::alignDown(constant, unit);
  sum = emit.add(varying, constant - multiple);
  return multiple;
}

Value SharedTile::chunkAt(Value row, Value chunk) const {
  // Eight rows on, chunks are exchanged as before, and so are those a whole
  // exchange on in the row. What is constant comes last, as an immediate of the
  // access, before it the stage, so that in a loop over stages all else stays
  // outside and is shared.
  int64_t whole = splitMultiple(emit, row, 8) * pitch +
                  splitMultiple(emit, chunk, swizzle + 1);
  if (swizzle) {
    Value turn = emit.div(row, emit.integer(int64_t(1) << shift));
    turn = emit.rem(turn, emit.integer(swizzle + 1));
    chunk = arith::XOrIOp::create(emit, chunk, turn);
  }
  Value offset = emit.mul(emit.add(emit.mul(row, pitch), chunk), kChunkBytes);
  Value place = emit.at(emit.shared(start), offset, emit.getI8Type());
  if (stageOffset)
    place = emit.at(place, stageOffset, emit.getI8Type());
  return emit.at(place, whole * kChunkBytes, emit.getI8Type());
}

Value SharedTile::elementAt(Value row, Value column) const {
  int64_t further = splitMultiple(emit, column, chunkElements());
  Value each = emit.integer(chunkElements());
  Value chunk = emit.add(emit.div(column, each), further / chunkElements());
  return emit.at(chunkAt(row, chunk), emit.rem(column, each), element);
}

void SharedTile::fill(const GlobalTile &from, Value aligned, int64_t threads,
                      bool inLoop) const {
  std::optional<int64_t> known = Emitter::constant(aligned);
  if (known)
    return *known ? copyChunks(from, threads, inLoop)
                  : copyElements(from, threads);
  emit.ifElse(
      aligned, TypeRange(),
      [&] {
        copyChunks(from, threads, inLoop);
        return Emitter::Values();
      },
      [&] {
        copyElements(from, threads);
        return Emitter::Values();
      });
}

/// Chunk number `thread`, `thread + threads` and so on: so each thread stays in
/// one column of chunks if a row's chunks divide the threads.
void SharedTile::copyChunks(const GlobalTile &from, int64_t threads,
                            bool inLoop) const {
  int64_t total = rows * chunksPerRow();
  Value thread = emit.threadIndex();
  if (inLoop)
    return emit.forLoop(thread, emit.integer(total), threads,
                        [&](Value number) { copyChunk(from, number); });
  for (int64_t first = 0; first < total; first += threads) {
    auto copy = [&] { copyChunk(from, emit.add(thread, first)); };
    if (first + threads <= total)
      copy();
    else
      emit.ifThen(emit.less(thread, emit.integer(total - first)), copy);
  }
}

/// Where a row's chunks divide the threads, a thread stays in one column of
/// chunks and its addresses differ by multiples of the row stride.
void SharedTile::fillWhole(const GlobalTile &from, int64_t threads) const {
  // The tile may be larger than what it holds: products take multiples of 16.
  std::optional<int64_t> height = Emitter::constant(from.rows),
                         width = Emitter::constant(from.columns);
  bool isCut = (height && *height < rows) || (width && *width < columns);
  int64_t perRow = chunksPerRow(), total = rows * perRow;
  Value thread = emit.threadIndex();
  Value chunksOfRow = emit.integer(perRow);
  Value row = emit.div(thread, chunksOfRow),
        chunk = emit.rem(thread, chunksOfRow);
  auto offsetOf = [&](Value row, Value chunk) {
    return emit.add(emit.mul(row, from.rowStride),
                    emit.mul(chunk, chunkElements()));
  };
  Value start = offsetOf(row, chunk);
  for (int64_t first = 0; first < total; first += threads) {
    auto copy = [&] {
      Value offset = start, at = row, piece = chunk;
      if (threads % perRow == 0) {
        Value skipped = emit.integer(first / perRow);
        offset = emit.add(start, emit.mul(skipped, from.rowStride));
        at = emit.add(row, skipped);
      } else if (first) {
        Value number = emit.add(thread, first);
        at = emit.div(number, chunksOfRow);
        piece = emit.rem(number, chunksOfRow);
        offset = offsetOf(at, piece);
      }
      Value bytes;
      if (isCut) {
        // As in `copyChunk`: zeros, and no look beyond the operand.
        Value column = emit.mul(piece, chunkElements());
        Value inside = arith::AndIOp::create(emit, emit.less(at, from.rows),
                                             emit.less(column, from.columns));
        offset = arith::SelectOp::create(emit, inside, offset, emit.integer(0));
        bytes = arith::SelectOp::create(emit, inside, emit.integer(kChunkBytes),
                                        emit.integer(0));
        bytes = arith::TruncIOp::create(emit, emit.getI32Type(), bytes);
      }
      emit.copyAsync(chunkAt(at, piece), emit.at(from.pointer, offset, element),
                     kChunkBytes, bytes);
    };
    if (first + threads <= total)
      copy();
    else
      emit.ifThen(emit.less(thread, emit.integer(total - first)), copy);
  }
}

void SharedTile::copyChunk(const GlobalTile &from, Value number) const {
  Value perRow = emit.integer(chunksPerRow());
  Value row = emit.div(number, perRow), chunk = emit.rem(number, perRow);
  Value column = emit.mul(chunk, chunkElements());
  // Nothing is read beyond the operand, not even through a pointer.
  Value hasRow = emit.less(row, from.rows);
  Value left = emit.max(emit.sub(from.columns, column), emit.integer(0));
  Value valid =
      emit.mul(emit.min(left, emit.integer(chunkElements())), elementBytes());
  valid = arith::SelectOp::create(emit, hasRow, valid, emit.integer(0));
  Value hasBytes = emit.less(emit.integer(0), valid);
  Value offset = emit.add(emit.mul(row, from.rowStride), column);
  offset = arith::SelectOp::create(emit, hasBytes, offset, emit.integer(0));
  valid = arith::TruncIOp::create(emit, emit.getI32Type(), valid);
  emit.copyAsync(chunkAt(row, chunk), emit.at(from.pointer, offset, element),
                 kChunkBytes, valid);
}

void SharedTile::copyElements(const GlobalTile &from, int64_t threads) const {
  // Neighbouring threads along the side that is contiguous in memory.
  std::optional<int64_t> rowStep = Emitter::constant(from.rowStride);
  bool alongRows = rowStep && *rowStep == 1;
  int64_t inner = alongRows ? rows : columns;
  Value zero = arith::ConstantOp::create(emit, emit.getZeroAttr(element));
  emit.forLoop(
      emit.threadIndex(), emit.integer(rows * columns), threads,
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
