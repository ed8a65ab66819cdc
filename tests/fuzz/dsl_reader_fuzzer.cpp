// Enters: any bytes, as the text of an .attn model. Must leave: a File or
// errors; anything else (crash, hang, leak) is a bug of the reader.
#include "frontends/dsl/reader/Pattern.h"
#include "frontends/dsl/reader/Reader.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  std::string error;
  auto model = attune::dsl::readModelFromText(text, "fuzz", error);
  // Exactly one of the two, and never without end.
  if ((model == nullptr) == error.empty() || error.size() > 100000)
    std::abort();
  attune::dsl::Span place;
  std::string reason;
  auto pattern = attune::dsl::parsePattern(text, place, reason);
  if (pattern.has_value() != reason.empty())
    std::abort();
  return 0;
}
