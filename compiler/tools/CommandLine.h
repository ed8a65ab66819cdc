// The command line of attune-compile, parsed: CLI11 stays in CommandLine.cpp,
// and MLIR out of it.
#pragma once

#include "compiler/TrainingOptions.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace attune::tools {

/// A symbol's bounds from --shape; equal bounds make it static.
struct ShapeBinding {
  int64_t min = 1;
  std::optional<int64_t> max;
};

/// One point of --shape: values of symbols.
using ShapePoint = std::map<std::string, int64_t>;

struct Request {
  std::string command; ///< compile, explain, diff, compare, bench, ops, stages
  std::string model;
  std::string output;
  std::string emit; ///< package, exe, or a stage
  std::string dumpDir;
  std::string attention = "auto";
  std::string precision = "f32";
  std::vector<std::string> targets;
  TrainingOptions training;
  /// Bounds of symbols, from all forms of --shape.
  std::map<std::string, ShapeBinding> shapes;
  /// Values of the params of an .attn model: NAME and text, from --set.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string weights; ///< .safetensors or .npz with an .attn model's weights
  /// The product of the values that --shape lists; one empty point if it lists
  /// none.
  std::vector<ShapePoint> points;
  bool json = false;
  std::string report; ///< .html or .svg that explain and compare write
  unsigned threads = 0;
  std::string device; ///< where it runs: "cpu", "cuda"; empty: what there is
  unsigned runs = 0;  ///< samples per point; 0 lets the command choose
  double seconds = 0; ///< how long bench measures; 0 lets it choose
  bool profile = false;
  uint64_t seed = 1;
  std::vector<std::string> inputs; ///< NAME=FILE.npy
  bool quiet = false;
  std::string program; ///< path of this program
};

/// Parses; on --help or a mistake prints and gives the exit code instead.
std::optional<int> parseCommandLine(int argc, char **argv, Request &request);

} // namespace attune::tools
