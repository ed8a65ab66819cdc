//===- Terminal.h - what programs say to people ---------------------------===//
//
// Errors, colours, sizes and progress, one way for all programs. No LLVM, no
// JSON: attune-compile uses it too.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace attune::tools {

/// "12.3 MB", in powers of 1000.
std::string bytesText(uint64_t bytes);

enum class Colour { Red, Green, Yellow };

/// `text` in a colour where standard output is a terminal and the environment
/// has no NO_COLOR; else as it is.
std::string painted(std::string_view text, Colour colour);

/// `text` with control characters as \xNN: names come from models, and a
/// terminal obeys what it is sent.
std::string printable(std::string_view text);

/// "attune: error: MESSAGE" as one line on standard error.
void printError(std::string_view message);

/// "attune: warning: MESSAGE", the same way.
void printWarning(std::string_view message);

/// Whether everything printed so far has arrived; prints what went wrong.
[[nodiscard]] bool flushOutput();

/// A bar on standard error for work that takes over two seconds; on a terminal
/// only.
class Progress {
public:
  /// `quiet` shows nothing.
  explicit Progress(std::string label, bool quiet = false);
  Progress(const Progress &) = delete;
  /// Clears the bar.
  ~Progress();
  void update(double share);

private:
  using Clock = std::chrono::steady_clock;
  std::string label;
  bool enabled, shown = false;
  Clock::time_point start = Clock::now(), last = start;
};

} // namespace attune::tools
