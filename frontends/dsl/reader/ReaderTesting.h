// Texts of models and what the reader says of them.
#ifndef ATTUNE_FRONTENDS_DSL_READER_READERTESTING_H
#define ATTUNE_FRONTENDS_DSL_READER_READERTESTING_H

#include "frontends/dsl/reader/Reader.h"

#include <gtest/gtest.h>

namespace attune::dsl::testing {

inline std::unique_ptr<Model> checked(const std::string &text) {
  std::string error;
  auto model = readModelFromText(text, "m.attn", error);
  EXPECT_EQ(model == nullptr, !error.empty());
  return model;
}

inline std::string errorsOf(const std::string &text) {
  std::string error;
  EXPECT_EQ(readModelFromText(text, "m.attn", error), nullptr);
  return error;
}

/// A model around the lines of its forward(x: f32[B, 4]) -> y.
inline std::string inModel(const std::string &body) {
  return "model M:\n    def forward(x: f32[B, 4]) -> y:\n" + body + "\n";
}

} // namespace attune::dsl::testing

#endif // ATTUNE_FRONTENDS_DSL_READER_READERTESTING_H
