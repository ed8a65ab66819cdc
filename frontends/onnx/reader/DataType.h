// The element types of ONNX tensors: names and widths.
//
// Source: enum TensorProto.DataType of onnx.proto, IR version 14.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_DATATYPE_H
#define ATTUNE_FRONTENDS_ONNX_READER_DATATYPE_H

#include <cstdint>
#include <string_view>

namespace attune::onnx {

enum class DataType : int32_t {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  Bfloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  Uint2 = 25,
  Int2 = 26,
  Float6E2M3 = 27,
  Float6E3M2 = 28,
};

/// What a type is called and how it is stored.
struct DataTypeInfo {
  std::string_view name; ///< As ONNX writes it, e.g. "FLOAT16".
  uint8_t bits;          ///< Bits of one element; 0 for strings.
};

/// Null for numbers that name no type (and for UNDEFINED).
const DataTypeInfo *dataTypeInfo(int32_t type);
inline const DataTypeInfo *dataTypeInfo(DataType type) {
  return dataTypeInfo(static_cast<int32_t>(type));
}

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_DATATYPE_H
