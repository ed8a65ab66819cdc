//===- Type.cpp - the types and state spaces of PTX -----------------------===//
//
// One table; everything else looks things up in it.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/ptx/Type.h"
#include <array>

namespace attune::gpusim {

namespace {
struct Row {
  std::string_view name;
  unsigned bits;
  TypeClass group;
};
} // namespace

/// In the order of the enumeration.
static constexpr std::array<Row, 22> kTypes = {{
    {"", 0, TypeClass::None},        {"pred", 1, TypeClass::Pred},
    {"b8", 8, TypeClass::Bits},      {"b16", 16, TypeClass::Bits},
    {"b32", 32, TypeClass::Bits},    {"b64", 64, TypeClass::Bits},
    {"b128", 128, TypeClass::Bits},  {"u8", 8, TypeClass::Integer},
    {"u16", 16, TypeClass::Integer}, {"u32", 32, TypeClass::Integer},
    {"u64", 64, TypeClass::Integer}, {"s8", 8, TypeClass::Integer},
    {"s16", 16, TypeClass::Integer}, {"s32", 32, TypeClass::Integer},
    {"s64", 64, TypeClass::Integer}, {"f16", 16, TypeClass::Half},
    {"bf16", 16, TypeClass::Half},   {"f16x2", 32, TypeClass::Half},
    {"bf16x2", 32, TypeClass::Half}, {"tf32", 32, TypeClass::F32},
    {"f32", 32, TypeClass::F32},     {"f64", 64, TypeClass::F64},
}};
static_assert(kTypes.size() == size_t(Type::F64) + 1);

static constexpr std::array<std::string_view, 6> kSpaces = {
    "generic", "param", "const", "global", "local", "shared"};

std::optional<Type> typeNamed(std::string_view name) {
  for (size_t i = 1; i < kTypes.size(); ++i)
    if (kTypes[i].name == name)
      return Type(i);
  return std::nullopt;
}

std::optional<Space> spaceNamed(std::string_view name) {
  for (size_t i = 1; i < kSpaces.size(); ++i)
    if (kSpaces[i] == name)
      return Space(i);
  return std::nullopt;
}

std::string_view nameOf(Type type) { return kTypes[size_t(type)].name; }
std::string_view nameOf(Space space) { return kSpaces[size_t(space)]; }
unsigned bitsOf(Type type) { return kTypes[size_t(type)].bits; }
TypeClass classOf(Type type) { return kTypes[size_t(type)].group; }

bool isSigned(Type type) {
  return type == Type::S8 || type == Type::S16 || type == Type::S32 ||
         type == Type::S64;
}

} // namespace attune::gpusim
