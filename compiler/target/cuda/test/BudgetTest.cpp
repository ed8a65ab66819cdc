//===- BudgetTest.cpp - what kernels take, held to budgets.md -------------===//
//
// Each standard kernel is compiled, assembled for every capability where ptxas
// is installed, and run on the emulator at a small size. Less than the table
// says passes; more fails. What a change takes on purpose is written there with
//
//   ATTUNE_TEST_UPDATE=1 build/tests/bin/target_cuda_budget_test
//
// which needs ptxas and leaves the reasons as they are.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/StandardAttention.h"
#include "compiler/target/cuda/Occupancy.h"
#include "compiler/target/cuda/Ptxas.h"
#include "compiler/target/cuda/test/BudgetTable.h"
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "compiler/target/cuda/testing/SmallerExtents.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"
#include <gtest/gtest.h>

using namespace attune;
using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using namespace attune::target::common::testing;
using llvm::StringRef;

namespace {

const char *const kTable = ATTUNE_TEST_FOLDER "/budgets.md";

/// Kernels that are compiled together.
struct Unit {
  std::string name;
  std::string text;                       ///< at full size
  std::optional<AttentionCase> attention; ///< of which there is one, named f

  friend void PrintTo(const Unit &unit, std::ostream *out) {
    *out << unit.name;
  }

  /// The row of a kernel.
  std::string rowOf(const std::string &kernel) const {
    return attention ? name : kernel;
  }
  std::vector<std::string> rows() const {
    std::vector<std::string> names;
    StringRef rest(text);
    llvm::SmallVector<StringRef> match;
    static const llvm::Regex kernel("tile\\.kernel [a-z]+ @([A-Za-z0-9_]+)");
    while (kernel.match(rest, &match)) {
      names.push_back(rowOf(match[1].str()));
      rest = rest.substr(match[1].end() - rest.begin());
    }
    return names;
  }
};

std::string contentOf(const std::string &path) {
  auto file = llvm::MemoryBuffer::getFile(path);
  return file ? (*file)->getBuffer().str() : std::string();
}

const std::vector<Unit> &units() {
  static const std::vector<Unit> all = [] {
    std::vector<Unit> units;
    for (const auto &some : {standardAttention(), biasedAttention()})
      for (const StandardAttention &standard : some)
        units.push_back(
            {standard.name, attentionText(standard.kernel), standard.kernel});
    for (std::string name : {"contractions", "sweeps"})
      units.push_back({name, contentOf(ATTUNE_TEST_FOLDER "/" + name + ".tile"),
                       std::nullopt});
    return units;
  }();
  return all;
}

std::vector<std::string> allRows() {
  std::vector<std::string> rows;
  for (const Unit &unit : units())
    llvm::append_range(rows, unit.rows());
  return rows;
}

bool isUpdate() { return getenv("ATTUNE_TEST_UPDATE") != nullptr; }

//===----------------------------------------------------------------------===//
// Small runs
//===----------------------------------------------------------------------===//

/// A call on zeros: which banks are touched does not depend on values.
class ZeroCall {
public:
  explicit ZeroCall(tile::KernelOp kernel) {
    for (mlir::BlockArgument argument : kernel.getArguments())
      add(mlir::cast<mlir::MemRefType>(argument.getType()));
  }
  const std::vector<Argument> &arguments() const { return all; }

private:
  void add(mlir::MemRefType type) {
    // Rows that do not fill the last block; a row that is no multiple of
    // anything is what other kernels have.
    static constexpr int64_t kDynamic[] = {5, 640};
    std::vector<int64_t> sizes, strides;
    int64_t dynamic = 0;
    for (int64_t size : type.getShape())
      sizes.push_back(mlir::ShapedType::isDynamic(size) ? kDynamic[dynamic++]
                                                        : size);
    llvm::SmallVector<int64_t> known;
    int64_t offset;
    if (mlir::succeeded(type.getStridesAndOffset(known, offset)) &&
        llvm::none_of(known, mlir::ShapedType::isDynamic))
      strides.assign(known.begin(), known.end());
    Argument argument(nullptr, sizes, strides);
    buffers.emplace_back(argument.extent() * 8, '\0'); // the widest type
    argument.data = buffers.back().data();
    all.push_back(argument);
  }
  std::vector<Argument> all;
  std::vector<std::vector<char>> buffers;
};

/// Conflicts in tenths of a percent, rounded up; nothing after an error. Says
/// which instructions have them.
std::optional<int64_t> conflictsOf(const gpusim::Report &report) {
  EXPECT_TRUE(report.ok()) << report.text();
  if (!report.ok())
    return std::nullopt;
  gpusim::LineCount all = report.sum();
  std::map<std::string, uint64_t> culprits;
  for (const gpusim::LineCount &line : report.lines)
    if (line.conflicts)
      culprits[line.opcode] += line.conflicts;
  for (const auto &[opcode, conflicts] : culprits)
    printf("%s: %llu conflicts in %llu passes of all\n", opcode.c_str(),
           (unsigned long long)conflicts, (unsigned long long)all.wavefronts);
  return llvm::divideCeil(all.conflicts * 1000,
                          std::max<uint64_t>(all.wavefronts, 1));
}

std::optional<int64_t> attentionConflicts(SimulatedKernels &kernels,
                                          AttentionCase c) {
  // A whole block and a tail, of queries and of keys.
  c.queries = c.blockRows + 17;
  c.keys = 2 * c.blockKeys + 9;
  std::mt19937 random(1);
  AttentionData data(c, random);
  return conflictsOf(kernels.run("f", data.arguments(), /*seed=*/1));
}

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

class CudaBudget : public ::testing::TestWithParam<Unit> {
protected:
  void SetUp() override {
    kernels = SimulatedKernels::compile(GetParam().text);
    ASSERT_TRUE(kernels);
    ASSERT_FALSE(StringRef(kernels->ptx().text).contains(".extern .func"));
    table = BudgetTable::read(kTable);
  }
  /// The row of a kernel; an empty one before it is written.
  Budget *budgetOf(const PtxKernel &kernel) {
    std::string row = GetParam().rowOf(kernel.name);
    Budget *budget = table.find(row);
    if (!budget && isUpdate()) {
      table.rows.emplace_back();
      table.rows.back().kernel = row;
      budget = &table.rows.back();
    }
    EXPECT_TRUE(budget) << "budgets.md has no row " << row;
    return budget;
  }
  void save() { ASSERT_TRUE(table.write(kTable, allRows())); }

  std::unique_ptr<SimulatedKernels> kernels;
  BudgetTable table;
};

TEST_P(CudaBudget, ThreadsAndSharedMemory) {
  for (const PtxKernel &kernel : kernels->ptx().kernels) {
    Budget *budget = budgetOf(kernel);
    if (!budget)
      continue;
    SCOPED_TRACE(budget->kernel);
    if (isUpdate()) {
      budget->threads = kernel.threads;
      budget->sharedBytes = kernel.sharedBytes;
    }
    EXPECT_EQ(kernel.threads, budget->threads);
    EXPECT_LE(kernel.sharedBytes, budget->sharedBytes);
  }
  if (isUpdate())
    save();
}

TEST_P(CudaBudget, BankConflicts) {
  const Unit &unit = GetParam();
  auto small = unit.name == "contractions"
                   ? SimulatedKernels::compile(withSmallerExtents(unit.text))
                   : std::move(kernels);
  ASSERT_TRUE(small);
  for (const PtxKernel &kernel : small->ptx().kernels) {
    Budget *budget = budgetOf(kernel);
    if (!budget)
      continue;
    SCOPED_TRACE(budget->kernel);
    std::optional<int64_t> conflicts =
        unit.attention
            ? attentionConflicts(*small, *unit.attention)
            : conflictsOf(small->run(
                  kernel.name, ZeroCall(small->find(kernel.name)).arguments(),
                  /*seed=*/1));
    if (!conflicts)
      continue;
    if (isUpdate())
      budget->conflicts = *conflicts;
    EXPECT_LE(*conflicts, budget->conflicts) << "tenths of a percent";
    EXPECT_TRUE(!budget->conflicts || !budget->why.empty())
        << "budgets.md does not say why there are conflicts";
  }
  if (isUpdate())
    save();
}

TEST_P(CudaBudget, RegistersAndSpills) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << "registers are not known: there is no ptxas";
  std::string release = ptxasRelease(*ptxas);
  if (isUpdate())
    table.ptxas = release;
  // Infos that say what ptxas has made slow: C7510 to C7517 are wgmma that was
  // serialised.
  static const llvm::Regex serialised("C751[0-7]");
  for (const Machine &machine : Machine::all()) {
    SCOPED_TRACE(machine.name.str());
    std::string error;
    auto cubin = assemble(*ptxas, kernels->ptx().text, machine, error);
    ASSERT_TRUE(cubin) << error; // a warning is one
    EXPECT_FALSE(serialised.match(cubin->report)) << cubin->report;
    ASSERT_EQ(cubin->kernels.size(), kernels->ptx().kernels.size());
    for (const PtxKernel &kernel : kernels->ptx().kernels) {
      Budget *budget = budgetOf(kernel);
      auto used = llvm::find_if(cubin->kernels, [&](const Resources &r) {
        return r.kernel == kernel.name;
      });
      ASSERT_TRUE(used != cubin->kernels.end()) << cubin->report;
      if (!budget)
        continue;
      SCOPED_TRACE(budget->kernel);
      int64_t blocks =
          residentBlocks(machine, {kernel.threads, used->registers,
                                   kernel.sharedBytes + used->staticShared});
      Budget::OnMachine &on = budget->machines[machine.name.str()];
      if (isUpdate())
        on = {used->registers, used->spilledBytes, blocks};
      if (release == table.ptxas) { // another one counts otherwise
        EXPECT_LE(used->registers, on.registers);
        EXPECT_LE(used->spilledBytes, on.spilledBytes);
      } else if (!on.spilledBytes) {
        EXPECT_EQ(used->spilledBytes, 0);
      }
      EXPECT_GE(blocks, std::max<int64_t>(on.blocks, 1));
      EXPECT_TRUE(!on.spilledBytes || !budget->why.empty())
          << "budgets.md does not say why it spills";
    }
  }
  if (isUpdate())
    save();
}

INSTANTIATE_TEST_SUITE_P(All, CudaBudget, ::testing::ValuesIn(units()),
                         [](const auto &info) { return info.param.name; });

TEST(CudaBudgetTable, HasTheStandardKernelsAndNoOthers) {
  std::vector<std::string> rows;
  for (const Budget &budget : BudgetTable::read(kTable).rows)
    rows.push_back(budget.kernel);
  EXPECT_EQ(rows, allRows());
}

/// Whatever the table says of others.
TEST(CudaBudgetTable, AttentionUpTo128AndContractionsDoNotSpill) {
  for (const Budget &budget : BudgetTable::read(kTable).rows) {
    StringRef name(budget.kernel);
    if (name.starts_with("attention_256_"))
      continue;
    for (const auto &[machine, on] : budget.machines)
      EXPECT_EQ(on.spilledBytes, 0) << budget.kernel << " on " << machine;
  }
}

} // namespace
