//===- SharedTile.h - a block of a matrix in shared memory ------*- C++ -*-===//
//
// The one layout of operands in shared memory: rows of 16-byte chunks, so
// arranged that eight rows of one chunk, which ldmatrix reads at once, and
// eight chunks of one row, which a copy writes at once, lie in different banks.
// Where a row has 2^n chunks they are exchanged among rows (chunk XOR row);
// else each row is padded to an odd number of chunks.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/Emitter.h"
#include "compiler/target/cuda/SharedMemory.h"

namespace attune::target::cuda {

/// A block of a matrix in global memory.
struct GlobalTile {
  mlir::Value pointer;                 ///< to the first element
  mlir::Value rowStride, columnStride; ///< in elements
  mlir::Value rows, columns; ///< how many of each there are; none is negative
};

class SharedTile {
public:
  /// `stages` tiles of rows x columns elements (16 or 32 bits) follow each
  /// other; columns are rounded up to a whole chunk.
  SharedTile(Emitter &emit, SharedMemory &memory, mlir::Type element,
             int64_t rows, int64_t columns, int64_t stages = 1);

  static constexpr int64_t kChunkBytes = 16;

  const mlir::Type element;
  const int64_t rows, columns;
  int64_t elementBytes() const;
  int64_t chunkElements() const { return kChunkBytes / elementBytes(); }
  int64_t chunksPerRow() const { return columns / chunkElements(); }

  /// The tile that all accesses from here on mean: an i64.
  void select(mlir::Value stage);
  int64_t stageBytes() const { return rows * pitch * kChunkBytes; }

  /// The address of chunk number `chunk` of a row.
  mlir::Value chunkAt(mlir::Value row, mlir::Value chunk) const;
  /// The address of one element.
  mlir::Value elementAt(mlir::Value row, mlir::Value column) const;

  /// Fills the tile from global memory with all `threads` of the block; what is
  /// beyond `from` becomes zero. If `aligned` (an i1, the same in all threads;
  /// see `isAligned`) by asynchronous copies, which the caller commits and
  /// waits for, else by ordinary stores, which the caller's barrier covers.
  /// Copies stand in one row, or with `inLoop` in a loop, which takes longer
  /// and leaves the registers alone.
  void fill(const GlobalTile &from, mlir::Value aligned, int64_t threads,
            bool inLoop = false) const;
  /// The same for a tile that is known to be aligned and nowhere beyond what of
  /// `from` is not constant.
  void fillWhole(const GlobalTile &from, int64_t threads) const;

private:
  void copyChunks(const GlobalTile &from, int64_t threads, bool inLoop) const;
  void copyChunk(const GlobalTile &from, mlir::Value number) const;
  void copyElements(const GlobalTile &from, int64_t threads) const;

  Emitter &emit;
  int64_t pitch;           ///< chunks from one row to the next
  int64_t swizzle, shift;  ///< chunk ^= (row >> shift) & swizzle
  int64_t start;           ///< byte in shared memory
  mlir::Value stageOffset; ///< in bytes; null: the first stage
};

/// Whether rows of the operand can be copied in chunks: unit column stride,
/// pointer and row stride multiples of 16 bytes. An i1; a constant where it is
/// known here.
mlir::Value isAligned(Emitter &emit, const GlobalTile &tile,
                      mlir::Type element);

} // namespace attune::target::cuda
