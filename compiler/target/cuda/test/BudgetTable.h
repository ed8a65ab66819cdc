//===- BudgetTable.h - budgets.md as data ---------------------------------===//
#pragma once
#include "compiler/target/cuda/Machine.h"
#include <map>
#include <string>
#include <vector>

namespace attune::target::cuda::testing {

/// One kernel.
struct Budget {
  std::string kernel;
  int64_t threads = 0, sharedBytes = 0;
  struct OnMachine {
    int64_t registers = 0, spilledBytes = 0;
    int64_t blocks = 0; ///< resident on a multiprocessor
  };
  std::map<std::string, OnMachine> machines;
  /// Passes through shared memory beyond the fewest possible, in tenths of a
  /// percent of all.
  int64_t conflicts = 0;
  std::string why; ///< of spills and conflicts
};

/// What stands above the rows is kept as it is.
class BudgetTable {
public:
  static BudgetTable read(const std::string &path);
  /// Rows of `order`, in that order.
  bool write(const std::string &path,
             const std::vector<std::string> &order) const;

  Budget *find(const std::string &kernel);
  std::vector<Budget> rows;
  std::string ptxas; ///< the release whose registers these are

private:
  std::string prose;
};

} // namespace attune::target::cuda::testing
