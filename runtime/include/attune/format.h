//===- format.h - the bytes of an .attune package -------------------------===//
//
// The one header that the compiler's package writer and the runtime's loader
// share. It fixes where bytes stand in the file and what they mean; it holds no
// code but constants, plain structs and the weight recipe.
//
//   +--------------------+ 0         (relative to the start of the package)
//   | Header, one page   |
//   +--------------------+ 4096
//   | section 0          |           every section starts on a page and ends
//   | ... zero padding   |           where the next begins: no gaps, no overlap
//   +--------------------+
//   | section n-1        |
//   +--------------------+ tableOffset
//   | Section[n], padded |
//   +--------------------+ fileBytes
//
// Every byte is covered by a checksum: the header page by headerChecksum, the
// table (with its padding) by tableChecksum, each section (with its padding) by
// its own. A loader checks all of them before it maps code.
//
// An executable is a program, padded to a page, then a package, then a Footer
// in the last bytes of the file.
//
// All integers are little endian. Checksums are XXH3 128 (low, high) of the
// bytes, xxHash 0.8. Structs have no implicit padding (asserted below).
//
//===----------------------------------------------------------------------===//
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace attune::format {

/// The first bytes of a package. The line end is there so that a transfer in
/// text mode shows at once.
inline constexpr std::array<char, 8> kMagic = {'\x89', 'A', 'T', 'T',
                                               'U',    'N', 'E', '\n'};
/// The first bytes of the footer of an executable.
inline constexpr std::array<char, 8> kFooterMagic = {'A', 'T', 'T', 'U',
                                                     'N', 'E', 'X', '\n'};

/// Version of this layout. A loader reads exactly this one.
inline constexpr uint32_t kFormatVersion = 1;
/// Version of the contract between kernels, plan and runtime: the kernel
/// signature, slot kinds and plan schema (runtime/core/README.md).
inline constexpr uint32_t kAbiVersion = 2;

inline constexpr uint64_t kPageBytes = 4096;
/// Weight blobs inside a section start at multiples of this.
inline constexpr uint64_t kWeightAlign = 64;
inline constexpr uint32_t kMaxSections = 1024;
/// Upper bound for JSON sections; the loader refuses more before it parses.
inline constexpr uint64_t kMaxJsonBytes = uint64_t(256) << 20;

struct Checksum {
  uint64_t low = 0, high = 0;
  bool operator==(const Checksum &) const = default;
};

/// What a section holds. Unknown kinds are refused: a package is written for
/// one ABI version.
enum class SectionKind : uint32_t {
  Manifest = 1, ///< JSON: model name, source hash, producer. Exactly one.
  Plan = 2,     ///< JSON: what the host does (runtime/core/README.md).
  Code = 3, ///< Import-free ELF shared object; `features` says who may run it.
  Weights = 4, ///< Raw bytes, blobs at multiples of kWeightAlign.
  Recipes = 5, ///< Recipe[]: weights made at load, for small test packages.
  Cubin = 6,   ///< CUDA binary; `features` is the compute capability (90).
  Ptx = 7,     ///< PTX text; `features` is the least compute capability.
  State = 8,   ///< JSON: tensors that outlast a run. At most one.
};

/// One entry of the section table.
struct Section {
  uint32_t kind = 0; ///< SectionKind
  /// Code versions are numbered from 1; the Ptx and the Cubins of one share its
  /// number. A Plan with the number of a version belongs to it; a Plan with 0
  /// serves every version without its own of that name. 0 for all other kinds.
  uint32_t variant = 0;
  /// Code: required CpuFeature bits. Ptx, Cubin: compute capability.
  uint64_t features = 0;
  uint64_t offset = 0; ///< From the start of the package, page aligned.
  uint64_t bytes = 0;  ///< Payload; padding up to the next page is zero.
  Checksum checksum;   ///< Of payload and padding.
  /// Code, Ptx, Cubin: the name shown to people, "x86-64-v3". Plan: the entry
  /// point, "step"; empty is "infer". NUL padded.
  std::array<char, 16> name{};
};
static_assert(sizeof(Section) == 64);

struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t formatVersion = kFormatVersion;
  uint32_t abiVersion = kAbiVersion;
  uint64_t fileBytes = 0; ///< Of the whole package: shows truncation.
  uint64_t tableOffset = 0;
  uint32_t sectionCount = 0;
  uint32_t reserved = 0;
  Checksum tableChecksum;  ///< From tableOffset to fileBytes.
  Checksum headerChecksum; ///< Of the first page with this field zero.
};
static_assert(sizeof(Header) == 72);

/// The last bytes of an executable that carries a package.
struct Footer {
  std::array<char, 8> magic = kFooterMagic;
  uint64_t packageOffset = 0; ///< Page aligned.
  uint64_t packageBytes = 0;
  Checksum checksum; ///< Of the three fields before.
};
static_assert(sizeof(Footer) == 40);

/// Bits of Section::features for x86-64 code. The numbers are part of the
/// format: append, never renumber.
enum CpuFeature : uint64_t {
  Sse3 = 1ull << 0,
  Ssse3 = 1ull << 1,
  Sse41 = 1ull << 2,
  Sse42 = 1ull << 3,
  Popcnt = 1ull << 4,
  Cx16 = 1ull << 5,
  Avx = 1ull << 6,
  Avx2 = 1ull << 7,
  Fma = 1ull << 8,
  F16c = 1ull << 9,
  Bmi1 = 1ull << 10,
  Bmi2 = 1ull << 11,
  Lzcnt = 1ull << 12,
  Movbe = 1ull << 13,
  Avx512f = 1ull << 14,
  Avx512bw = 1ull << 15,
  Avx512cd = 1ull << 16,
  Avx512dq = 1ull << 17,
  Avx512vl = 1ull << 18,
  Avx512vnni = 1ull << 19,
  Avx512bf16 = 1ull << 20,
  AvxVnni = 1ull << 21,
};

/// The micro-architecture levels of the x86-64 psABI.
inline constexpr uint64_t kX86V2 = Sse3 | Ssse3 | Sse41 | Sse42 | Popcnt | Cx16;
inline constexpr uint64_t kX86V3 =
    kX86V2 | Avx | Avx2 | Fma | F16c | Bmi1 | Bmi2 | Lzcnt | Movbe;
inline constexpr uint64_t kX86V4 =
    kX86V3 | Avx512f | Avx512bw | Avx512cd | Avx512dq | Avx512vl;

/// A weight made by formula: element i is offset + scale * u(i), where u is
/// uniform in [-1, 1), from Philox4x32-10 keyed by seed with counter i / 4.
/// Arithmetic is in float32, so that every machine makes the same bits.
struct Recipe {
  uint64_t seed = 0;
  uint64_t elements = 0; ///< float32 elements.
  float scale = 1, offset = 0;
};
static_assert(sizeof(Recipe) == 24);

/// Philox4x32-10 (Salmon et al., SC 2011): four random words of one counter.
inline std::array<uint32_t, 4> philox(uint64_t seed, uint64_t counter) {
  std::array<uint32_t, 4> c = {uint32_t(counter), uint32_t(counter >> 32), 0,
                               0};
  auto k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(0xD2511F53u) * c[0];
    uint64_t p1 = uint64_t(0xCD9E8D57u) * c[2];
    c = {uint32_t(p1 >> 32) ^ c[1] ^ k0, uint32_t(p1),
         uint32_t(p0 >> 32) ^ c[3] ^ k1, uint32_t(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// Elements [begin, begin + count) of a recipe, into `out`.
inline void materialise(const Recipe &recipe, uint64_t begin, uint64_t count,
                        float *out) {
  std::array<uint32_t, 4> words{};
  for (uint64_t i = begin; i < begin + count; ++i) {
    if (i == begin || i % 4 == 0)
      words = philox(recipe.seed, i / 4);
    // 24 bits are exact in float32; so are both steps to [-1, 1).
    float unit = float(words[i % 4] >> 8) * 0x1p-23f - 1.0f;
    float scaled = recipe.scale * unit;
    *out++ = scaled + recipe.offset;
  }
}

} // namespace attune::format
