// A model of golden/ that learns: by the evaluator, or compiled to a package.
// Both have the same functions and the same state, so one test judges both.
#pragma once

#include "tests/dsl/Golden.h"

namespace attune::golden {

class Trainee {
public:
  virtual ~Trainee() = default;

  /// Forgets all: parameters are what @init gives, the rest is zero.
  virtual void begin() = 0;
  /// Runs a function on the inputs and labels of the golden file, with
  /// `arguments` for the others; the state is what it leaves.
  virtual Scalars run(const std::string &function,
                      const Scalars &arguments) = 0;
  /// A tensor of the state. Where there is none the test fails, and it is
  /// empty.
  virtual std::vector<double> get(const std::string &name) = 0;
  virtual void set(const std::string &name,
                   const std::vector<float> &values) = 0;
};

/// After the stage differentiate, in double precision; what the state keeps is
/// rounded to f32. Like the other one has this rate of dropout, refers to
/// `golden`, and is null where it cannot be made.
std::unique_ptr<Trainee> makeEvaluated(const Golden &golden,
                                       const std::string &rate = "0.0");

/// A package, through the C API.
std::unique_ptr<Trainee> makeCompiled(const Golden &golden,
                                      const std::vector<std::string> &options,
                                      const std::string &rate = "0.0");

} // namespace attune::golden
