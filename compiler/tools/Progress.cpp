// Draws with carriage returns on standard error.
#include "compiler/tools/Progress.h"

#include <cstdio>
#include <unistd.h>
#include <utility>

namespace attune::tools {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

Progress::Progress(std::string label, bool quiet)
    : label(std::move(label)), enabled(!quiet && isatty(STDERR_FILENO)),
      start(steady_clock::now()), last(start) {}

Progress::~Progress() {
  if (shown)
    std::fputs("\r\033[K", stderr);
}

void Progress::update(uint64_t done, uint64_t all) {
  auto now = steady_clock::now();
  // Nothing for short work, and ten frames a second for long.
  if (!enabled || all == 0 || now - start < 2s || now - last < 100ms)
    return;
  last = now;
  shown = true;
  constexpr int width = 30;
  double share = double(done) / double(all);
  double seconds = std::chrono::duration<double>(now - start).count();
  std::string bar(size_t(share * width), '=');
  bar.resize(width, ' ');
  std::fprintf(stderr, "\r%s [%s] %3.0f %%, %.0f s left\033[K", label.c_str(),
               bar.c_str(), 100 * share,
               share > 0 ? seconds / share - seconds : 0);
  std::fflush(stderr);
}

} // namespace attune::tools
