//===- StateTableTest.cpp - every way a state table can be wrong ----------===//
#include "runtime/core/StateTable.h"
#include <gtest/gtest.h>

using namespace attune;
using namespace attune::core;

namespace {

const std::string kSound = R"({"version": 1, "tensors": [
  {"name": "w", "kind": "parameter", "dtype": "f32", "dims": [2, 3],
   "offset": 0, "section": 1, "at": 64},
  {"name": "w.m", "kind": "optimizer", "dtype": "f32", "dims": [],
   "offset": 64}]})";

Error read(const std::string &text, StateTable &table) {
  format::Section manifest, weights;
  manifest.kind = uint32_t(format::SectionKind::Manifest);
  weights.kind = uint32_t(format::SectionKind::Weights);
  weights.bytes = 128;
  format::Section sections[] = {manifest, weights};
  return parseStateTable(std::as_bytes(std::span(text)), sections, table);
}

/// The message where `from` stands as `to`.
std::string message(const std::string &from, const std::string &to) {
  std::string text = kSound;
  text.replace(text.find(from), from.size(), to);
  StateTable table;
  return read(text, table).message();
}

TEST(StateTable, IsRead) {
  StateTable table;
  ASSERT_FALSE(read(kSound, table));
  ASSERT_EQ(table.tensors.size(), 2u);
  EXPECT_EQ(table.bytes, 68u);
  EXPECT_EQ(table.tensors[0].bytes, 24u);
  EXPECT_EQ(table.tensors[0].initial->offset, 64u);
  EXPECT_EQ(table.tensors[1].kind, ATTUNE_STATE_OPTIMIZER);
  EXPECT_FALSE(table.tensors[1].initial);
}

TEST(StateTable, Refusals) {
  EXPECT_EQ(message("{\"version\"", "[\"version\""),
            "state: not a JSON object");
  EXPECT_EQ(message("\"version\": 1", "\"version\": 3"),
            "state: it has version 3, this runtime reads version 1");
  EXPECT_EQ(
      message("\"parameter\"", "\"weight\""),
      "state: tensors[0].kind: expected parameter, gradient, optimizer or "
      "average");
  EXPECT_EQ(message("\"w.m\"", "\"w\""),
            "state: the name \"w\" is empty or taken");
  EXPECT_EQ(message("[2, 3]", "[-2, 3]"),
            "state: tensors[0].dims[0]: expected an integer from 0 to "
            "9223372036854775807");
  EXPECT_EQ(message("[2, 3]", "[4611686018427387904, 3]"),
            "state: \"w\": its size overflows 64 bits");
  EXPECT_EQ(message("[2, 3]", "[20, 3]"),
            "state: \"w\": 240 bytes at offset 64 of a section of 128");
  EXPECT_EQ(message("\"section\": 1", "\"section\": 0"),
            "state: \"w\": section 0 holds no weights");
  EXPECT_EQ(message("\"section\": 1", "\"section\": 9"),
            "state: \"w\": section 9 holds no weights");
  for (const char *offset : {"\"offset\": 0}", "\"offset\": 65}"})
    EXPECT_EQ(
        message("\"offset\": 64}", offset).find("state: \"w.m\": offset "), 0u)
        << offset;
}

} // namespace
