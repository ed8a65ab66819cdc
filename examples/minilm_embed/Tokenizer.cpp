// Text to WordPiece ids; see Tokenizer.h. Order of the steps as in Hugging
// Face's BertNormalizer, BertPreTokenizer and WordPiece, because the model was
// trained on exactly these ids.
#include "Tokenizer.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

struct Range {
  char32_t first, last;
};
/// A code point and what remains of it without accents, in lower case. No
/// character decomposes into more than three.
struct Fold {
  char32_t from;
  unsigned count;
  char32_t to[3];
};
#include "UnicodeTable.inc"

template <size_t N>
bool isIn(const Range (&ranges)[N], char32_t c) {
  const Range *next = std::upper_bound(
      std::begin(ranges), std::end(ranges), c,
      [](char32_t point, const Range &range) { return point < range.first; });
  return next != std::begin(ranges) && c <= std::prev(next)->last;
}

bool isSpace(char32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F ||
         c == 0x2028 || c == 0x2029 || c == 0x205F || c == 0x3000;
}

/// Ideographs are tokens of their own: Chinese has no spaces.
bool isIdeograph(char32_t c) {
  static const Range blocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
                                 {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                 {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                 {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return isIn(blocks, c);
}

/// Decodes one code point at `at` and moves past it; 0 for a byte that starts
/// no valid sequence.
char32_t decode(std::string_view text, size_t &at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(at);
  size_t length = lead < 0x80           ? 1
                  : (lead >> 5) == 0x06 ? 2
                  : (lead >> 4) == 0x0E ? 3
                  : (lead >> 3) == 0x1E ? 4
                                        : 0;
  static const char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (length == 0 || length > text.size() - at) {
    ++at;
    return 0;
  }
  char32_t c = length == 1 ? lead : lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) >> 6) != 2) {
      ++at;
      return 0;
    }
    c = (c << 6) | (byte(at + i) & 0x3F);
  }
  bool surrogate = c >= 0xD800 && c <= 0xDFFF;
  if (c < smallest[length] || c > 0x10FFFF || surrogate) {
    ++at;
    return 0;
  }
  at += length;
  return c;
}

void encodeUtf8(char32_t c, std::string &out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  int extra = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const char32_t lead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(lead[extra] | (c >> (6 * extra)));
  while (extra-- > 0)
    out += static_cast<char>(0x80 | ((c >> (6 * extra)) & 0x3F));
}

/// Appends `c` without accents and in lower case.
void appendFolded(char32_t c, std::u32string &out) {
  if (c >= 0xAC00 && c < 0xD7A4) { // a Hangul syllable is two or three letters
    char32_t index = c - 0xAC00;
    out += 0x1100 + index / 588;
    out += 0x1161 + index % 588 / 28;
    if (index % 28 != 0)
      out += 0x11A7 + index % 28;
    return;
  }
  const Fold *fold = std::lower_bound(
      std::begin(folds), std::end(folds), c,
      [](const Fold &entry, char32_t point) { return entry.from < point; });
  if (fold == std::end(folds) || fold->from != c)
    out += c;
  else
    out.append(fold->to, fold->count);
}

/// Cleaned and folded text, cut into words; punctuation and ideographs are
/// words of one character.
std::vector<std::u32string> splitWords(std::string_view text) {
  std::vector<std::u32string> words;
  bool inWord = false;
  auto append = [&](char32_t c, bool alone) {
    if (alone || !inWord)
      words.emplace_back();
    words.back() += c;
    inWord = !alone;
  };
  std::u32string folded;
  for (size_t at = 0; at < text.size();) {
    char32_t c = decode(text, at);
    if (c == 0 || c == 0xFFFD || isIn(controls, c))
      continue;
    if (isSpace(c)) {
      inWord = false;
      continue;
    }
    bool ideograph = isIdeograph(c);
    folded.clear();
    appendFolded(c, folded);
    for (char32_t part : folded)
      append(part, ideograph || isIn(punctuation, part));
  }
  return words;
}

} // namespace

Tokenizer::Tokenizer(const std::string &vocabPath) {
  std::ifstream file(vocabPath);
  if (!file)
    throw std::runtime_error("cannot read the vocabulary " + vocabPath);
  std::string line;
  for (int64_t id = 0; std::getline(file, line); ++id) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    vocab.emplace(line, id);
  }
  cls = idOf("[CLS]");
  sep = idOf("[SEP]");
  unk = idOf("[UNK]");
}

int64_t Tokenizer::idOf(const std::string &token) const {
  auto found = vocab.find(token);
  if (found == vocab.end())
    throw std::runtime_error("the vocabulary has no " + token);
  return found->second;
}

void Tokenizer::appendWord(std::u32string_view word,
                           std::vector<int64_t> &ids) const {
  const size_t longest = 100; // longer words are unknown, as in training
  if (word.size() > longest) {
    ids.push_back(unk);
    return;
  }
  size_t before = ids.size();
  for (size_t start = 0; start < word.size();) {
    // The longest piece that the vocabulary has. Inside a word it is spelled
    // with a leading ##.
    std::string piece = start == 0 ? "" : "##";
    int64_t best = -1;
    size_t bestEnd = start;
    for (size_t end = start; end < word.size(); ++end) {
      encodeUtf8(word[end], piece);
      auto found = vocab.find(piece);
      if (found != vocab.end()) {
        best = found->second;
        bestEnd = end + 1;
      }
    }
    if (best < 0) { // one unknown part makes the whole word unknown
      ids.resize(before);
      ids.push_back(unk);
      return;
    }
    ids.push_back(best);
    start = bestEnd;
  }
}

std::vector<int64_t> Tokenizer::encode(std::string_view text,
                                       size_t maxTokens) const {
  std::vector<int64_t> ids = {cls};
  for (const std::u32string &word : splitWords(text)) {
    appendWord(word, ids);
    if (ids.size() >= maxTokens)
      break;
  }
  ids.resize(std::min(ids.size(), maxTokens - 1));
  ids.push_back(sep);
  return ids;
}
