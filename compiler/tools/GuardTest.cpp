// Bugs in passes, planted: each must end as Broken with a reproducer.
#include "compiler/tools/Guard.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune::tools {
namespace {
using namespace mlir;
using ::testing::HasSubstr;

enum class Act { Nothing, Refuse, Crash, Overflow, Abort, LeaveInvalid };

// Deep enough for any stack; the volatile array keeps the frames.
int recurse(int depth) {
  volatile char frame[1024];
  frame[depth % 1024] = char(depth);
  return depth < 0 ? 0 : recurse(depth + 1) + frame[depth % 1024];
}

struct Actor : PassWrapper<Actor, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Actor)
  Actor(Act act, StringRef name = "actor") : act(act), name(name) {}
  StringRef getArgument() const override { return name; }
  void runOnOperation() override {
    switch (act) {
    case Act::Nothing:
      return;
    case Act::Refuse:
      getOperation().emitError("not supported");
      return signalPassFailure();
    case Act::Crash: {
      volatile int *nowhere = nullptr;
      *nowhere = 1;
      return;
    }
    case Act::Overflow:
      exit(recurse(0));
    case Act::Abort:
      abort();
    case Act::LeaveInvalid:
      getOperation().lookupSymbol("f")->removeAttr("function_type");
      return;
    }
  }
  Act act;
  StringRef name;
};

class GuardTest : public ::testing::Test {
protected:
  GuardTest() : context(MLIRContext::Threading::DISABLED) {
    context.loadDialect<func::FuncDialect>();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      ++complaints;
      return success();
    });
  }
  Outcome run(Act act, StringRef name = "actor") {
    auto module =
        parseSourceString<ModuleOp>("func.func private @f()", &context);
    PassManager passes(&context, ModuleOp::getOperationName());
    passes.addPass(std::make_unique<Actor>(act, name));
    return runGuarded(passes, *module, reproducer);
  }

  MLIRContext context;
  std::string reproducer;
  int complaints = 0;
};

TEST_F(GuardTest, WhatWorksAndWhatIsRefused) {
  EXPECT_EQ(run(Act::Nothing), Outcome::Done);
  EXPECT_EQ(run(Act::Refuse), Outcome::Refused);
  EXPECT_EQ(complaints, 1);
  EXPECT_EQ(reproducer, "");
}

TEST_F(GuardTest, Bugs) {
  for (Act act : {Act::Crash, Act::Overflow, Act::Abort, Act::LeaveInvalid}) {
    reproducer.clear();
    EXPECT_EQ(run(act), Outcome::Broken) << int(act);
    EXPECT_THAT(reproducer, HasSubstr("// attune-opt --pass-pipeline='"
                                      "builtin.module(actor)'"));
    EXPECT_THAT(reproducer, HasSubstr("func.func private @f()"));
  }
}

TEST_F(GuardTest, AContractThatDoesNotHold) {
  EXPECT_EQ(run(Act::Refuse, "verify-something"), Outcome::Broken);
}

// After a crash the next run is guarded too.
TEST_F(GuardTest, TwiceInARow) {
  EXPECT_EQ(run(Act::Overflow), Outcome::Broken);
  EXPECT_EQ(run(Act::Overflow), Outcome::Broken);
  EXPECT_EQ(run(Act::Nothing), Outcome::Done);
}

} // namespace
} // namespace attune::tools
