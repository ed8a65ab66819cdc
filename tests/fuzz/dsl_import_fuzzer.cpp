// Enters: any bytes, as the text of an .attn model. Must leave: a module that
// its verifier accepts, or errors; anything else (crash, hang, memory without
// bound) is a bug of the frontend.
#include "frontends/dsl/Import.h"
#include "mlir/IR/MLIRContext.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string text(reinterpret_cast<const char *>(data), size);
  std::string error;
  auto module = attune::dsl::importDslText(text, "fuzz", {}, context, error);
  // Lines of the text that are shown begin with blanks.
  if (bool(module) != error.empty() ||
      ("\n" + error).find("\nfuzz: internal error") != std::string::npos)
    std::abort();
  return 0;
}
