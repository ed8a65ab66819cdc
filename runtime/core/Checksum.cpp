//===- Checksum.cpp - the checksum of packages ----------------------------===//
//
// The only file of the runtime that includes xxHash.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Checksum.h"
#include <cstring>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace attune::core {

format::Checksum checksum(std::span<const std::byte> bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

format::Checksum
headerChecksum(std::span<const std::byte, format::kPageBytes> page) {
  std::array<std::byte, format::kPageBytes> copy;
  std::memcpy(copy.data(), page.data(), copy.size());
  std::memset(copy.data() + offsetof(format::Header, headerChecksum), 0,
              sizeof(format::Checksum));
  return checksum(copy);
}

format::Checksum footerChecksum(const format::Footer &footer) {
  return checksum({reinterpret_cast<const std::byte *>(&footer),
                   offsetof(format::Footer, checksum)});
}

} // namespace attune::core
