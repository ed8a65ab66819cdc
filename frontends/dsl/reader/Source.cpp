// Positions, excerpts with carets, and suggestions.
#include "frontends/dsl/reader/Source.h"

#include <algorithm>
#include <map>

namespace attune::dsl {

// Long lines are shown around the place, so that a caret stays in a terminal.
static constexpr size_t maxShown = 100;
static constexpr size_t maxMessage = 800;

Source::Source(std::string name, std::string text)
    : fileName(std::move(name)), contents(std::move(text)) {
  lineStarts.push_back(0);
  for (size_t i = 0; i < contents.size(); ++i)
    if (contents[i] == '\n')
      lineStarts.push_back(uint32_t(i + 1));
}

size_t Source::lineIndex(uint32_t offset) const {
  auto after = std::upper_bound(lineStarts.begin(), lineStarts.end(), offset);
  return size_t(after - lineStarts.begin()) - 1;
}

static bool continuesCharacter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

static size_t characters(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char byte) {
    return !continuesCharacter(byte);
  }));
}

Source::Position Source::position(uint32_t offset) const {
  size_t index = lineIndex(offset);
  std::string_view before =
      text().substr(lineStarts[index], offset - lineStarts[index]);
  return {index + 1, characters(before) + 1};
}

std::string_view Source::line(uint32_t offset) const {
  size_t index = lineIndex(offset);
  std::string_view rest = text().substr(lineStarts[index]);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r')
    rest.remove_suffix(1);
  return rest;
}

std::string Source::place(Span span) const {
  Position at = position(span.begin);
  return fileName + ":" + std::to_string(at.line) + ":" +
         std::to_string(at.column);
}

// Control characters would move the caret or the terminal.
static std::string printable(std::string_view text) {
  std::string out(text);
  for (char &byte : out)
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f)
      byte = ' ';
  return out;
}

std::string Source::excerpt(Span span) const {
  std::string_view whole = line(span.begin);
  size_t start = lineStarts[lineIndex(span.begin)];
  size_t from = std::min<size_t>(span.begin - start, whole.size());
  size_t to = std::clamp<size_t>(span.end - start, from, whole.size());
  size_t cut =
      from > maxShown / 2 && whole.size() > maxShown ? from - maxShown / 2 : 0;
  while (cut > 0 && continuesCharacter(whole[cut]))
    --cut;
  size_t shownEnd = std::min(whole.size(), cut + maxShown);
  while (shownEnd < whole.size() && continuesCharacter(whole[shownEnd]))
    ++shownEnd;
  to = std::min(to, shownEnd);
  std::string carets(characters(whole.substr(cut, from - cut)), ' ');
  carets += '^';
  if (size_t width = characters(whole.substr(from, to - from)); width > 1)
    carets.append(width - 1, '~');
  return "  " + printable(whole.substr(cut, shownEnd - cut)) + "\n  " + carets +
         "\n";
}

static std::string shortened(std::string_view message) {
  std::string text(message.substr(0, maxMessage));
  return message.size() > maxMessage ? text + "..." : text;
}

bool Errors::report(Span span, std::string_view message) {
  if (++count <= most)
    entries.push_back({span.begin, source.place(span) + ": " +
                                       shortened(message) + "\n" +
                                       source.excerpt(span)});
  return false;
}

void Errors::note(Span span, std::string_view message) {
  if (count > 0 && count <= most)
    entries.back().text +=
        "  at " + source.place(span) + ": " + shortened(message) + "\n";
}

void Errors::tell(std::string_view message) {
  lines += source.name() + ": " + shortened(message) + "\n";
}

std::string Errors::str() const {
  // Of one place, in the order of the report.
  std::multimap<uint32_t, std::string_view> sorted;
  for (const Entry &entry : entries)
    sorted.emplace(entry.begin, entry.text);
  std::string text = lines;
  for (const auto &[begin, entry] : sorted)
    text += entry;
  if (count > most)
    text +=
        source.name() + ": " + std::to_string(count - most) + " more errors\n";
  return text;
}

// Edits that lead from one to the other, a swap of neighbours counted as two.
static size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view name,
                         const std::vector<std::string_view> &names) {
  std::string_view best;
  if (name.size() > 40)
    return best;
  // One letter is no sign of what was meant.
  if (name.size() < 2)
    return best;
  size_t bestDistance = name.size() / 3 + 1;
  for (std::string_view candidate : names) {
    if (candidate.size() > 40 || candidate == name)
      continue;
    size_t edits = distance(name, candidate);
    if (edits < bestDistance || (edits == bestDistance && best.empty())) {
      bestDistance = edits;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view name,
                       const std::vector<std::string_view> &names) {
  std::string_view near = nearest(name, names);
  return near.empty() ? "" : "; did you mean '" + std::string(near) + "'?";
}

std::string quoted(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  constexpr size_t most = 60;
  std::string out = "'";
  for (char byte : text.substr(0, most)) {
    auto value = static_cast<unsigned char>(byte);
    if (value >= 0x20 && value != 0x7f) {
      out += byte;
      continue;
    }
    out += "\\x";
    out += hex[value >> 4];
    out += hex[value & 15];
  }
  return out + (text.size() > most ? "...'" : "'");
}

} // namespace attune::dsl
