// Crash recovery around a pass manager.
#include "compiler/tools/Guard.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include <csignal>
#include <vector>

namespace attune::tools {

using namespace mlir;

namespace {
// Lives as long as the recovery does: its handlers, and a stack of their own
// for them, since an overflowing one has no room.
class Handlers {
public:
  Handlers() : stack(1 << 16) {
    llvm::CrashRecoveryContext::Enable();
    for (int signal : {SIGSEGV, SIGBUS}) {
      struct sigaction action;
      sigaction(signal, nullptr, &action);
      action.sa_flags |= SA_ONSTACK;
      sigaction(signal, &action, nullptr);
    }
    stack_t own{stack.data(), 0, stack.size()};
    sigaltstack(&own, &before);
  }
  ~Handlers() {
    sigaltstack(&before, nullptr);
    llvm::CrashRecoveryContext::Disable();
  }

private:
  std::vector<char> stack;
  stack_t before{};
};

// Tells a broken contract from a refusal.
class Watch : public PassInstrumentation {
public:
  explicit Watch(bool &broken) : broken(broken) {}

  void runAfterPassFailed(Pass *pass, Operation *op) override {
    // The verifier's complaints have been printed once.
    ScopedDiagnosticHandler silent(op->getContext(),
                                   [](Diagnostic &) { return success(); });
    broken |= pass->getArgument().starts_with("verify-") || failed(verify(op));
  }

private:
  bool &broken;
};
} // namespace

bool survives(llvm::function_ref<void()> action) {
  Handlers handlers;
  llvm::CrashRecoveryContext context;
  return context.RunSafely(action);
}

static std::string reproducerOf(PassManager &passes, ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "// attune-opt --pass-pipeline='";
  passes.printAsTextualPipeline(os);
  os << "' THIS_FILE\n";
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64).elideLargeResourceString(64);
  flags.enableDebugInfo();
  module->print(os, flags);
  os << '\n';
  return text;
}

Outcome runGuarded(PassManager &passes, ModuleOp module,
                   std::string &reproducer) {
  OwningOpRef<ModuleOp> before(module.clone());
  bool broken = false, done = false;
  passes.addInstrumentation(std::make_unique<Watch>(broken));
  if (survives([&] { done = succeeded(passes.run(module)); }) && !broken)
    return done ? Outcome::Done : Outcome::Refused;
  reproducer = reproducerOf(passes, *before);
  return Outcome::Broken;
}

} // namespace attune::tools
