//===- Npy.cpp - NumPy's array format -------------------------------------===//
//
// numpy/lib/format.py: magic, version, length, a Python literal
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, then the data.
// The literal is read by a parser for exactly this form.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/TensorFiles.h"
#include <cstring>
#include <string_view>

namespace attune::tools {

static constexpr std::string_view kMagic = "\x93NUMPY";

namespace {

struct Dtype {
  std::string_view text;
  attune_dtype dtype;
};

/// Reads the header literal token by token.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest(text) {}

  Error parse(std::string &descr, bool &fortran, std::vector<int64_t> &dims);

private:
  bool take(char expected) {
    skipSpace();
    if (rest.empty() || rest.front() != expected)
      return false;
    rest.remove_prefix(1);
    return true;
  }
  bool takeWord(std::string_view word) {
    skipSpace();
    if (!rest.starts_with(word))
      return false;
    rest.remove_prefix(word.size());
    return true;
  }
  void skipSpace() {
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n'))
      rest.remove_prefix(1);
  }
  bool takeString(std::string &out) {
    skipSpace();
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return false;
    size_t end = rest.find(rest.front(), 1);
    if (end == rest.npos)
      return false;
    out = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return true;
  }
  bool takeNumber(int64_t &out) {
    skipSpace();
    size_t digits = 0;
    int64_t value = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9')
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, rest[digits++] - '0', &value))
        return false;
    rest.remove_prefix(digits);
    out = value;
    return digits != 0;
  }
  bool takeShape(std::vector<int64_t> &dims) {
    if (!take('('))
      return false;
    while (!take(')')) {
      int64_t dim = 0;
      if (dims.size() > ATTUNE_MAX_RANK || !takeNumber(dim))
        return false;
      dims.push_back(dim);
      if (!take(','))
        return take(')');
    }
    return true;
  }

  std::string_view rest;
};

} // namespace

static constexpr Dtype kDtypes[] = {
    {"<f4", ATTUNE_F32}, {"<f8", ATTUNE_F64}, {"<f2", ATTUNE_F16},
    {"<i8", ATTUNE_I64}, {"<i4", ATTUNE_I32}, {"<i2", ATTUNE_I16},
    {"|i1", ATTUNE_I8},  {"<u8", ATTUNE_U64}, {"<u4", ATTUNE_U32},
    {"<u2", ATTUNE_U16}, {"|u1", ATTUNE_U8},  {"|b1", ATTUNE_BOOL}};

static Error bad(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT, "not a usable .npy: " + std::move(fact)};
}

Error HeaderParser::parse(std::string &descr, bool &fortran,
                          std::vector<int64_t> &dims) {
  bool seen[3] = {};
  if (!take('{'))
    return bad("the header is no dictionary");
  while (!take('}')) {
    std::string key;
    bool ok = takeString(key) && take(':');
    if (ok && key == "descr" && !seen[0]) {
      seen[0] = true;
      ok = takeString(descr);
    } else if (ok && key == "fortran_order" && !seen[1]) {
      seen[1] = true;
      fortran = takeWord("True");
      ok = fortran || takeWord("False");
    } else if (ok && key == "shape" && !seen[2]) {
      seen[2] = true;
      ok = takeShape(dims);
    } else {
      ok = false;
    }
    if (!ok)
      return bad("the header does not hold descr, fortran_order and shape of a "
                 "plain array of rank at most 8");
    if (!take(',')) {
      if (take('}'))
        break;
      return bad("the header is no dictionary");
    }
  }
  if (!seen[0] || !seen[1] || !seen[2])
    return bad("the header lacks descr, fortran_order or shape");
  return {};
}

Error parseNpy(std::span<const std::byte> bytes, Tensor &out) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 10)
    return bad("it does not start with the magic of one");
  auto major = unsigned(bytes[6]);
  if (major < 1 || major > 3)
    return bad(cat("format version ", major, ", 1 to 3 are known"));
  size_t lengthBytes = major == 1 ? 2 : 4, start = 8 + lengthBytes;
  if (text.size() < start)
    return bad("it ends within the header");
  size_t length = 0;
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= size_t(bytes[8 + i]) << 8 * i;
  if (length > text.size() - start)
    return bad(cat("the header of ", length, " bytes does not end within the ",
                   text.size(), " of the file"));
  std::string descr;
  bool fortran = false;
  Tensor tensor;
  if (Error error = HeaderParser(text.substr(start, length))
                        .parse(descr, fortran, tensor.dims))
    return error;
  bool known = false;
  for (const Dtype &dtype : kDtypes)
    if (descr == dtype.text) {
      tensor.dtype = dtype.dtype;
      known = true;
    }
  if (!known)
    return bad(cat("dtype '", descr,
                   "'; little-endian numbers and bool are supported"));
  if (fortran && tensor.dims.size() > 1)
    return bad("the array is in Fortran order; save np.ascontiguousarray(x)");
  uint64_t size = 0;
  if (Error error = tensorBytes(tensor.dtype, tensor.dims, size))
    return bad(error.message());
  size_t have = text.size() - start - length;
  if (size != have)
    return bad(
        cat("its shape needs ", size, " bytes of data, the file has ", have));
  auto data = bytes.subspan(start + length);
  tensor.data.assign(data.begin(), data.end());
  out = std::move(tensor);
  return {};
}

std::vector<std::byte> formatNpy(const Tensor &tensor) {
  if (tensor.dtype == ATTUNE_BF16)
    return formatNpy(widened(tensor, ATTUNE_F32));
  std::string_view descr = "<f4";
  for (const Dtype &dtype : kDtypes)
    if (tensor.dtype == dtype.dtype)
      descr = dtype.text;
  // A Python tuple: (), (3,), (3, 4).
  std::string shape;
  for (int64_t dim : tensor.dims)
    shape += cat(shape.empty() ? "" : ", ", dim);
  if (tensor.dims.size() == 1)
    shape += ',';
  std::string header =
      cat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (", shape,
          "), }");
  // Data starts at a multiple of 64, as NumPy writes it.
  size_t total = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(total - 10 - 1, ' ');
  header += '\n';
  std::string head = std::string(kMagic) + '\x01' + '\0' +
                     char(header.size() & 255) + char(header.size() >> 8) +
                     header;
  std::vector<std::byte> out(head.size() + tensor.data.size());
  std::memcpy(out.data(), head.data(), head.size());
  if (!tensor.data.empty())
    std::memcpy(out.data() + head.size(), tensor.data.data(),
                tensor.data.size());
  return out;
}

} // namespace attune::tools
