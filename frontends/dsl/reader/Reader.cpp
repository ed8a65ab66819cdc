// Opens a file, tokens, tree, names.
#include "frontends/dsl/reader/Reader.h"

#include "frontends/dsl/reader/Parser.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace attune::dsl {

/// Models have a hundred lines; this keeps offsets small and work bounded.
static constexpr size_t mostBytes = size_t{1} << 20;

std::unique_ptr<Model> readModelFromText(std::string text, std::string name,
                                         std::string &error) {
  error.clear();
  if (text.size() > mostBytes) {
    error = name + ": expected at most 1 MB of text, found " +
            std::to_string(text.size()) + " bytes\n";
    return nullptr;
  }
  auto model = std::make_unique<Model>(
      Model{Source(std::move(name), std::move(text)), File()});
  Errors errors(model->source);
  model->file = Parser(tokenize(model->source, errors), errors).run();
  // Names that a broken line would define are no mistakes of their own.
  if (!errors.any())
    checkNames(model->file, errors);
  error = errors.str();
  return errors.any() ? nullptr : std::move(model);
}

namespace {
struct Descriptor {
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
  int fd;
};
} // namespace

std::unique_ptr<Model> readModel(const std::string &path, std::string &error) {
  auto failed = [&](const std::string &why) {
    error = path + ": " + why + "\n";
    return nullptr;
  };
  // Without O_NONBLOCK the open of a FIFO would wait for a writer.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status = {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0)
    return failed(std::string("cannot open the file: ") +
                  std::strerror(errno)); // NOLINT(concurrency-mt-unsafe)
  if (!S_ISREG(status.st_mode))
    return failed("expected a file, found something else");
  if (size_t(status.st_size) > mostBytes)
    return failed("expected at most 1 MB of text, found " +
                  std::to_string(status.st_size) + " bytes");
  std::string text(mostBytes + 1, '\0');
  size_t length = 0;
  while (length < text.size()) {
    ssize_t got = ::read(file.fd, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return failed(std::string("cannot read the file: ") +
                    std::strerror(errno)); // NOLINT(concurrency-mt-unsafe)
    if (got == 0)
      break;
    length += size_t(got);
  }
  text.resize(length);
  return readModelFromText(std::move(text), path, error);
}

} // namespace attune::dsl
