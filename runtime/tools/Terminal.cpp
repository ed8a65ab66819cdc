//===- Terminal.cpp - what programs say to people -------------------------===//
//
// See Terminal.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Terminal.h"
#include "runtime/core/Memory.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
#include <utility>

namespace attune::tools {

using namespace std::chrono_literals;

std::string bytesText(uint64_t bytes) {
  static constexpr const char *units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = double(bytes);
  int unit = 0;
  for (; value >= 1000 && unit < 4; ++unit)
    value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit ? "%.1f %s" : "%.0f %s", value,
                units[unit]);
  return text;
}

/// no-color.org: any value but the empty one turns colours off.
static bool isColourful(int stream) {
  const char *refusal = std::getenv("NO_COLOR");
  return ::isatty(stream) && !(refusal && *refusal);
}

static std::string paintedOn(int stream, std::string_view text, Colour colour) {
  static constexpr const char *codes[] = {"\033[31m", "\033[32m", "\033[33m"};
  std::string plain(text);
  return isColourful(stream) ? codes[int(colour)] + plain + "\033[0m" : plain;
}

std::string painted(std::string_view text, Colour colour) {
  return paintedOn(STDOUT_FILENO, text, colour);
}

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool isControl = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (!isControl) {
      out += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", unsigned(c));
    out += escaped;
  }
  return out;
}

static void print(std::string_view kind, Colour colour,
                  std::string_view message) {
  std::string head = paintedOn(STDERR_FILENO, kind, colour);
  std::fprintf(stderr, "attune: %s %s\n", head.c_str(),
               printable(message).c_str());
}

void printError(std::string_view message) {
  print("error:", Colour::Red, message);
}

void printWarning(std::string_view message) {
  print("warning:", Colour::Yellow, message);
}

bool flushOutput() {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout))
    return true;
  printError("standard output: cannot write: " + core::systemError());
  return false;
}

Progress::Progress(std::string label, bool quiet)
    : label(std::move(label)), enabled(!quiet && ::isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (shown)
    std::fputs("\r\033[K", stderr);
}

void Progress::update(double share) {
  Clock::time_point now = Clock::now();
  // Nothing for short work, and ten frames a second for long.
  if (!enabled || now - start < 2s || now - last < 100ms)
    return;
  last = now;
  shown = true;
  share = std::clamp(share, 0.0, 1.0);
  constexpr int width = 30;
  std::string bar(size_t(share * width), '=');
  bar.resize(width, ' ');
  double seconds = std::chrono::duration<double>(now - start).count();
  std::string left;
  if (share > 0)
    left = ", " + std::to_string(std::lround(seconds / share - seconds)) +
           " s left";
  std::fprintf(stderr, "\r%s [%s] %3.0f %%%s\033[K", label.c_str(), bar.c_str(),
               100 * share, left.c_str());
  std::fflush(stderr);
}

} // namespace attune::tools
