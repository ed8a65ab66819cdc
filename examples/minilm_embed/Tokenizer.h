// BERT's WordPiece tokeniser: text in, token ids out.
//
// Enters: UTF-8 text and a vocab.txt with one token per line (line number =
// id). Leaves: [CLS] ... [SEP] as ids. Does what Hugging Face's uncased
// BertTokenizer does: clean, fold case and accents, split at spaces,
// punctuation and CJK, then the longest known piece first.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

class Tokenizer {
public:
  /// Reads a vocabulary. Throws std::runtime_error where the file cannot be
  /// read or lacks [CLS], [SEP] or [UNK].
  explicit Tokenizer(const std::string &vocabPath);

  /// At most `maxTokens` ids (at least 2), [CLS] and [SEP] included. Bytes that
  /// are not UTF-8 are dropped.
  std::vector<int64_t> encode(std::string_view text, size_t maxTokens) const;

private:
  int64_t idOf(const std::string &token) const;
  void appendWord(std::u32string_view word, std::vector<int64_t> &ids) const;

  std::unordered_map<std::string, int64_t> vocab;
  int64_t cls, sep, unk;
};
