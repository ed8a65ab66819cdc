// The entry points: open, parse, check.
#include "frontends/onnx/reader/Reader.h"

#include "frontends/onnx/reader/GraphCheck.h"
#include "frontends/onnx/reader/Parser.h"

#include <cerrno>
#include <fcntl.h>

namespace attune::onnx {

static std::unique_ptr<Model> read(std::unique_ptr<Model> model, Bytes bytes,
                                   Descriptor folder, std::string &message,
                                   const ReadLimits &limits) {
  ErrorSink error(model->file);
  ExternalData external(std::move(folder), *model, limits);
  Parser parser(*model, external, error, limits, bytes);
  if (bytes.empty()) {
    error.report(nullptr, "expected an ONNX model, found an empty file; export "
                          "it again");
  } else if (parser.parseModel(bytes)) {
    if (Complaint complaint = external.checkOverlaps(); !complaint.empty())
      error.report(nullptr, complaint);
    else
      checkAndSort(*model, limits, error);
  }
  message = error.str();
  return error.any() ? nullptr : std::move(model);
}

static std::string unreadable(const std::string &file, const std::string &why) {
  ErrorSink error(file);
  error.report(nullptr, "expected a readable regular file, found " + why +
                            "; check the path");
  return error.str();
}

std::unique_ptr<Model> readModel(const std::filesystem::path &file,
                                 std::string &error, const ReadLimits &limits) {
  auto model = std::make_unique<Model>();
  model->file = file.string();
  // O_NONBLOCK: opening a FIFO would otherwise wait for a writer.
  Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status = {};
  std::string why;
  if (!opened.valid() || ::fstat(opened.get(), &status) != 0)
    why = errnoText(errno);
  else if (!S_ISREG(status.st_mode))
    why = fileKind(status.st_mode);
  std::unique_ptr<MappedFile> mapping;
  if (why.empty())
    mapping = MappedFile::map(opened, status, why);
  if (!mapping) {
    error = unreadable(model->file, why);
    return nullptr;
  }
  std::filesystem::path folderPath = file.parent_path();
  Descriptor folder(::open(folderPath.empty() ? "." : folderPath.c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Bytes bytes = mapping->bytes();
  model->mappings.push_back(std::move(mapping));
  return read(std::move(model), bytes, std::move(folder), error, limits);
}

std::unique_ptr<Model> readModelFromMemory(std::span<const std::byte> bytes,
                                           const std::string &name,
                                           std::string &error,
                                           const ReadLimits &limits) {
  auto model = std::make_unique<Model>();
  model->file = name;
  return read(std::move(model), bytes, Descriptor(), error, limits);
}

} // namespace attune::onnx
