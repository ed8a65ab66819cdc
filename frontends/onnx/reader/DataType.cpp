// The table behind DataType.h, indexed by the number in the file.
#include "frontends/onnx/reader/DataType.h"

#include <array>

namespace attune::onnx {

static constexpr std::array<DataTypeInfo, 29> table = {{
    {"UNDEFINED", 0},      {"FLOAT", 32},     {"UINT8", 8},
    {"INT8", 8},           {"UINT16", 16},    {"INT16", 16},
    {"INT32", 32},         {"INT64", 64},     {"STRING", 0},
    {"BOOL", 8},           {"FLOAT16", 16},   {"DOUBLE", 64},
    {"UINT32", 32},        {"UINT64", 64},    {"COMPLEX64", 64},
    {"COMPLEX128", 128},   {"BFLOAT16", 16},  {"FLOAT8E4M3FN", 8},
    {"FLOAT8E4M3FNUZ", 8}, {"FLOAT8E5M2", 8}, {"FLOAT8E5M2FNUZ", 8},
    {"UINT4", 4},          {"INT4", 4},       {"FLOAT4E2M1", 4},
    {"FLOAT8E8M0", 8},     {"UINT2", 2},      {"INT2", 2},
    {"FLOAT6E2M3", 6},     {"FLOAT6E3M2", 6},
}};

const DataTypeInfo *dataTypeInfo(int32_t type) {
  if (type <= 0 || type >= static_cast<int32_t>(table.size()))
    return nullptr;
  return &table[type];
}

} // namespace attune::onnx
