// How the reader reports what is wrong with a file.
//
// A parse keeps a chain of frames on the stack (model > graph > node >
// attribute > tensor); the first failure turns it into one line:
//
//   model.onnx: node 'add_1' (Add): attribute 'axis': field 'type': expected
//   ..., found ... at byte 123; what to do.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_ERROR_H
#define ATTUNE_FRONTENDS_ONNX_READER_ERROR_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace attune::onnx {

/// A part of the model that is being looked at. Lives on the stack; the views
/// may be filled in while the part is parsed.
struct Frame {
  const char *kind;                       ///< "node", "tensor"...
  const std::string_view *name = nullptr; ///< Shown in quotes if not empty,
  size_t index = 0;                       ///< else the position is shown.
  const std::string_view *op = nullptr;   ///< Shown in brackets (nodes).
  const Frame *outer = nullptr;
};

/// `text` in single quotes with quotes, backslashes and everything that is not
/// printable ASCII or well-formed UTF-8 escaped; long texts are cut.
std::string quoted(std::string_view text);

/// Keeps the first error; later ones are consequences of it.
class ErrorSink {
public:
  explicit ErrorSink(std::string file) : file(std::move(file)) {}

  /// Always returns false, so that checks read `return error.report(...)`.
  bool report(const Frame *where, std::string_view complaint);

  bool any() const { return !message.empty(); }
  const std::string &str() const { return message; }

private:
  std::string file;
  std::string message;
};

/// "FIELD: expected EXPECTED, found FOUND; ADVICE", the form of all messages.
std::string describeMismatch(std::string_view field, std::string_view expected,
                             std::string_view found, std::string_view advice);

/// The advice for files that no exporter would write.
inline constexpr std::string_view adviceDamaged =
    "the file is damaged or not ONNX, export it again";
/// The advice for models that say something inconsistent.
inline constexpr std::string_view adviceExporter =
    "correct the model or the exporter that wrote it";

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_ERROR_H
