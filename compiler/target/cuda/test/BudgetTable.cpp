//===- BudgetTable.cpp - budgets.md as data -------------------------------===//
#include "compiler/target/cuda/test/BudgetTable.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using llvm::StringRef;

static constexpr StringRef kHead = "| kernel ", kRelease = "Registers: ptxas ";

/// The cells of "| a | b |"; none of another line.
static llvm::SmallVector<StringRef> cellsOf(StringRef line) {
  llvm::SmallVector<StringRef> cells;
  line = line.trim();
  if (!line.consume_front("|") || !line.consume_back("|"))
    return cells;
  line.split(cells, '|');
  for (StringRef &cell : cells)
    cell = cell.trim();
  return cells;
}

static int64_t number(StringRef cell) {
  int64_t value = -1;
  cell.getAsInteger(10, value);
  return value;
}

/// "12.3" as 123.
static int64_t tenths(StringRef cell) {
  auto [whole, part] = cell.split('.');
  return number(whole) * 10 + (part.empty() ? 0 : number(part));
}

static Budget parseRow(llvm::ArrayRef<StringRef> cells) {
  Budget budget;
  budget.kernel = cells[0].str();
  budget.threads = number(cells[1]);
  budget.sharedBytes = number(cells[2]);
  size_t next = 3;
  for (const Machine &machine : Machine::all()) {
    budget.machines[machine.name.str()] = {
        number(cells[next]), number(cells[next + 1]), number(cells[next + 2])};
    next += 3;
  }
  budget.conflicts = tenths(cells[next]);
  budget.why = cells[next + 1].str();
  return budget;
}

static llvm::SmallVector<std::string> cellsOf(const Budget &budget) {
  llvm::SmallVector<std::string> cells = {budget.kernel,
                                          std::to_string(budget.threads),
                                          std::to_string(budget.sharedBytes)};
  for (const Machine &machine : Machine::all()) {
    auto found = budget.machines.find(machine.name.str());
    Budget::OnMachine on;
    if (found != budget.machines.end())
      on = found->second;
    for (int64_t value : {on.registers, on.spilledBytes, on.blocks})
      cells.push_back(std::to_string(value));
  }
  cells.push_back(
      llvm::formatv("{0}.{1}", budget.conflicts / 10, budget.conflicts % 10));
  cells.push_back(budget.why);
  return cells;
}

static llvm::SmallVector<std::string> titles() {
  llvm::SmallVector<std::string> cells = {"kernel", "threads", "shared"};
  for (const Machine &machine : Machine::all())
    for (const char *what : {"registers", "spilled", "blocks"})
      cells.push_back((machine.name + " " + what).str());
  cells.push_back("conflicts %");
  cells.push_back("why");
  return cells;
}

BudgetTable BudgetTable::read(const std::string &path) {
  BudgetTable table;
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return table;
  llvm::SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');
  bool isTable = false;
  for (StringRef line : lines) {
    isTable |= line.starts_with(kHead);
    if (!isTable)
      table.prose += (line + "\n").str();
    if (line.starts_with(kRelease))
      table.ptxas = line.drop_front(kRelease.size()).rtrim(". ").str();
    auto cells = cellsOf(line);
    if (cells.size() == titles().size() && cells[0] != "kernel" &&
        !cells[0].starts_with("-"))
      table.rows.push_back(parseRow(cells));
  }
  return table;
}

Budget *BudgetTable::find(const std::string &kernel) {
  for (Budget &budget : rows)
    if (budget.kernel == kernel)
      return &budget;
  return nullptr;
}

bool BudgetTable::write(const std::string &path,
                        const std::vector<std::string> &order) const {
  std::vector<llvm::SmallVector<std::string>> all = {titles()};
  for (const std::string &name : order)
    for (const Budget &budget : rows)
      if (budget.kernel == name)
        all.push_back(cellsOf(budget));
  std::vector<size_t> widths(all[0].size());
  for (const auto &cells : all)
    for (size_t i = 0; i + 1 < cells.size(); ++i)
      widths[i] = std::max(widths[i], cells[i].size());
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  llvm::SmallVector<StringRef> lines;
  StringRef(prose).rtrim('\n').split(lines, '\n');
  for (StringRef line : lines)
    if (line.starts_with(kRelease))
      os << kRelease << ptxas << ".\n";
    else
      os << line << '\n';
  os << '\n';
  for (size_t row = 0; row < all.size(); ++row) {
    os << '|';
    for (size_t i = 0; i < all[row].size(); ++i) {
      const std::string &cell = all[row][i];
      size_t blanks = std::max(widths[i], cell.size()) - cell.size();
      // Numbers are aligned at their last digit.
      bool left = i == 0 || i + 1 == all[row].size();
      os << ' ' << std::string(left ? 0 : blanks, ' ') << cell
         << std::string(left ? blanks : 0, ' ') << (cell.empty() ? "|" : " |");
    }
    os << '\n';
    if (row == 0) {
      os << '|';
      for (size_t i = 0; i < widths.size(); ++i) {
        bool left = i == 0 || i + 1 == widths.size();
        os << ' ' << std::string(std::max<size_t>(widths[i], 4) - 1, '-')
           << (left ? "-" : ":") << " |";
      }
      os << '\n';
    }
  }
  return !error;
}
