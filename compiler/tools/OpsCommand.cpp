// attune ops: the operators that the ONNX frontend imports, from its own table.
#include "compiler/tools/Commands.h"

#include "frontends/onnx/Binder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

namespace attune::tools {

int runOps(const Request &request) {
  llvm::json::Array rows;
  for (const auto &[operatorDomain, name, since] :
       onnx::ImportTable::get().list()) {
    std::string domain = operatorDomain.empty() ? "ai.onnx" : operatorDomain;
    if (!request.json) {
      llvm::outs() << llvm::formatv("{0,-16} {1,-32} since opset {2}\n", domain,
                                    name, since);
      continue;
    }
    rows.push_back(llvm::json::Object{
        {"domain", domain}, {"op", name}, {"since", int64_t(since)}});
  }
  if (request.json)
    llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(llvm::json::Object{
                                               {"operators", std::move(rows)}}))
                 << '\n';
  return kSuccess;
}

} // namespace attune::tools
