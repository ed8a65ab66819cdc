//===- ContractionPlan.cpp ------------------------------------------------===//
#include "compiler/target/cuda/ContractionPlan.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

/// The sums of a lane, in registers: half of the 255 that there are, the rest
/// being fragments, addresses and pointers. Of f32, but as tf32, each fragment
/// is there twice (Fragments.h). With more than the fewer of these, eight warps
/// fill a multiprocessor.
static constexpr int64_t kMostSums = 128, kMostSumsOfF32 = 64;
/// Of a multiprocessor, and those of a thread beside the sums of a small block.
/// Fragments of f32 are there twice.
static constexpr int64_t kRegisters = 65536, kOtherRegisters = 88,
                         kOtherRegistersOfF32 = 168;
/// A multiprocessor has four schedulers, so fewer warps leave some idle.
static constexpr int64_t kFewestWarps = 4, kMostWarps = 8;
/// Bytes along k of a stage at most: a row of 8 chunks takes all banks.
static constexpr int64_t kDepthBytes = 128;
static constexpr int64_t kFewestStages = 2, kMostStages = 4;
/// Of a k of so many stages for each of the ring, it has more: what one block
/// asks for then hides the latency of memory, without a neighbour's help.
static constexpr int64_t kStagesOfEach = 8, kMostStagesOfLong = 7;
/// A block of few rows does nothing but wait for its columns: it has more
/// stages, up to so many and so many bytes.
static constexpr int64_t kFewRows = 32, kMostStagesOfFew = 8,
                         kBytesOfFew = 64 * 1024;

int64_t ContractionPlan::stagingPitch() const {
  // Four rows of a fragment, written at once in pairs, take all banks if they
  // are 8 or 24 of them apart.
  int64_t contiguous = lanesAlongRows ? sliceRows() : columns;
  int64_t pitch = contiguous + contiguous / kBanks * kSkew;
  return llvm::alignTo(pitch + 8, 16) - 8;
}

int64_t ContractionPlan::stagingBytes() const {
  return 4 * stagingPitch() * (lanesAlongRows ? columns : sliceRows());
}

/// The stride of what a load or store accesses along a span, if it is static.
static int64_t strideAlong(Value memref, ValueRange positions, Value span) {
  SmallVector<int64_t> strides =
      cast<MemRefType>(memref.getType()).getStridesAndOffset().first;
  for (auto [position, stride] : llvm::zip(positions, strides))
    if (position == span)
      return stride;
  return ShapedType::kDynamic;
}

/// A tile lies in shared memory as it lies in global memory.
static DepthAlong orientation(const Contraction &parts, tile::LoadOp load,
                              Value outer) {
  auto stride = [&](Value span) {
    return strideAlong(load.getSource(), load.getPositions(), span);
  };
  return stride(outer) == 1 && stride(parts.loop.getSpan()) != 1
             ? DepthAlong::Rows
             : DepthAlong::Columns;
}

/// Fragments of f32 whose rows are contiguous are loaded one number at a time,
/// each from an address of its own (Fragments.h): fewer sums fit beside those.
int64_t ContractionPlan::mostSums(int64_t warps) const {
  bool isLoose = element.isF32() && lhs == DepthAlong::Rows;
  if (isLoose && (isSplit() || warps <= kFewestWarps))
    return kMostSumsOfF32 / 2;
  return isSplit() || isLoose ? kMostSumsOfF32 : kMostSums;
}

/// Shares of a warp are whole fragments: 16 rows, and two times 8 columns. Of
/// the shares that fit the registers those that read least from shared memory.
LogicalResult ContractionPlan::chooseWarps(const Contraction &parts) {
  int64_t best = 0;
  warpsDown = warpsAcross = 0;
  for (int64_t down = 1; down <= kMostWarps; down *= 2)
    for (int64_t across = 1; down * across <= kMostWarps; across *= 2) {
      if (rows % (16 * down) || columns % (16 * across) ||
          rows * columns / (down * across * kWarp) > mostSums(down * across))
        continue;
      int64_t reads = rows * across + columns * down;
      int64_t have = std::min(warpsDown * warpsAcross, kFewestWarps),
              get = std::min(down * across, kFewestWarps);
      if (get < have || (get == have && best && reads >= best))
        continue;
      best = reads, warpsDown = down, warpsAcross = across;
    }
  if (!best)
    return parts.dot.emitOpError("has a block of ")
           << parts.blockRows() << " x " << parts.blockColumns()
           << ", which is more than the registers of " << kMostWarps
           << " warps hold";
  int64_t sums = rows * columns / threads();
  bool isPair = warpsDown * warpsAcross <= kFewestWarps;
  // f32 with all the sums it may have, and tf32 with as many: ptxas spills
  // where it is not told.
  bool isFull = sums > kMostSumsOfF32 ||
                (element.isF32() && isPair && sums == kMostSumsOfF32);
  residentBlocks = !isFull ? 0 : isPair ? 2 : 1;
  int64_t registers =
      sums + (isSplit() ? kOtherRegistersOfF32 : kOtherRegisters);
  int64_t fitting = kRegisters / (threads() * registers);
  bool isSmall = sums < kMostSumsOfF32;
  blocksByRegisters = isFull    ? residentBlocks
                      : isSmall ? std::max<int64_t>(fitting, 1)
                                : 0;
  return success();
}

int64_t ContractionPlan::roomOf(const Machine &machine) const {
  int64_t share = machine.sharedBytes / std::max<int64_t>(1, residentBlocks);
  return std::min(share, kPortableSharedBytes);
}

void ContractionPlan::chooseRing(const Contraction &parts,
                                 const Machine &machine) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  int64_t unit = element.isF32() ? 8 : 16;
  depth = std::min<int64_t>(llvm::alignTo(parts.loop.getStep(), unit),
                            kDepthBytes / bytes);
  int64_t stage = (rows + columns) * depth * bytes;
  int64_t room = roomOf(machine);
  int64_t most = kMostStages;
  if (rows <= kFewRows)
    most = std::clamp(kBytesOfFew / stage, kMostStages, kMostStagesOfFew);
  auto type = cast<MemRefType>(parts.lhs.getSource().getType());
  int64_t extent = type.getDimSize(parts.depthDim(parts.lhs));
  if (!ShapedType::isDynamic(extent)) {
    int64_t all = llvm::divideCeil(extent, depth);
    most = std::max(most, std::min(all / kStagesOfEach, kMostStagesOfLong));
    most = std::min(most, all + 1); // a short k needs no more than itself
  }
  stages =
      std::clamp(room / stage, kFewestStages, std::max(most, kFewestStages));
}

void ContractionPlan::chooseWayOut(const Contraction &parts,
                                   const Machine &machine) {
  lanesAlongRows = llvm::all_of(parts.stores, [&](tile::StoreOp store) {
    auto stride = [&](Value span) {
      return strideAlong(store.getDest(), store.getPositions(), span);
    };
    return stride(parts.rows) == 1 && stride(parts.columns) != 1;
  });
  int64_t bytes = 1;
  for (tile::StoreOp store : parts.stores)
    bytes = std::max<int64_t>(bytes,
                              getElementTypeOrSelf(store.getBlock().getType())
                                      .getIntOrFloatBitWidth() /
                                  8);
  lanes = std::clamp<int64_t>(SharedTile::kChunkBytes / bytes, 2, 8);
  // As many strips at a time as there is room for, without fewer blocks at a
  // time.
  int64_t room =
      stages * (rows + columns) * depth * (element.getIntOrFloatBitWidth() / 8);
  if (residentBlocks)
    room = std::max(room, roomOf(machine));
  strips = warpRows() / 16;
  while (strips > 1 && (stagingBytes() > room || warpRows() / 16 % strips))
    --strips;
}

FailureOr<ContractionPlan> ContractionPlan::make(const Contraction &parts,
                                                 const Machine &machine) {
  ContractionPlan plan;
  auto elementOf = [](Value block) {
    return getElementTypeOrSelf(block.getType());
  };
  plan.element = elementOf(parts.lhs.getBlock());
  plan.tf32 = parts.dot.getTf32();
  if (elementOf(parts.rhs.getBlock()) != plan.element ||
      !(plan.element.isF16() || plan.element.isBF16() || plan.element.isF32()))
    return parts.dot.emitOpError(
        "expected two operands of f16, of bf16 or of f32: other types have no "
        "contraction on CUDA");
  Type sum = elementOf(parts.dot.getResult());
  if (!sum.isF32() && sum != plan.element)
    return parts.dot.emitOpError(
        "expected sums of f32 or of the operands' type");
  plan.lhs = orientation(parts, parts.lhs, parts.rows);
  plan.rhs = orientation(parts, parts.rhs, parts.columns);
  plan.rows = llvm::alignTo(parts.blockRows(), 16);
  plan.columns = llvm::alignTo(parts.blockColumns(), 16);
  if (failed(plan.chooseWarps(parts)))
    return failure();
  plan.chooseRing(parts, machine);
  plan.chooseWayOut(parts, machine);
  return plan;
}
