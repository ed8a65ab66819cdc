//===- Checksum.h - the checksum of packages ------------------------------===//
//
// XXH3 128 of bytes, as format.h asks. xxHash is used header-only, so that
// programs need no shared library for it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include <span>

namespace attune::core {

format::Checksum checksum(std::span<const std::byte> bytes);

/// The checksum of a header page: its own field counts as zero.
format::Checksum
headerChecksum(std::span<const std::byte, format::kPageBytes> page);

/// The checksum in a footer: of what stands before it.
format::Checksum footerChecksum(const format::Footer &footer);

} // namespace attune::core
