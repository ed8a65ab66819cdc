//===- Type.h - the types and state spaces of PTX -------------------------===//
//
// Enters: a modifier such as ".f16x2". Leaves: what it is and how wide.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace attune::gpusim {

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  BF16,
  F16x2,
  BF16x2,
  TF32,
  F32,
  F64,
};

/// Groups of types that share an implementation.
enum class TypeClass : uint8_t { None, Pred, Bits, Integer, Half, F32, F64 };

enum class Space : uint8_t { Generic, Param, Const, Global, Local, Shared };

/// `name` without its dot: "f32".
std::optional<Type> typeNamed(std::string_view name);
std::optional<Space> spaceNamed(std::string_view name);
std::string_view nameOf(Type type);
std::string_view nameOf(Space space);

/// Width in bits; 1 for a predicate, 0 for None.
unsigned bitsOf(Type type);
inline unsigned bytesOf(Type type) { return bitsOf(type) / 8; }
bool isSigned(Type type);
TypeClass classOf(Type type);

} // namespace attune::gpusim
