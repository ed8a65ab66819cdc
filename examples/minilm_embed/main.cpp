// minilm_embed: how similar are these sentences?
//
// Enters: an .attune package, its vocab.txt and sentences. Leaves: the cosine
// of every pair. Uses nothing but the C++ library and attune's C API.
#include "Model.h"
#include "Tokenizer.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

const char usage[] =
    "usage: minilm_embed [--threads N] PACKAGE VOCAB [SENTENCE...]\n"
    "\n"
    "Prints the cosine similarity of every pair of sentences. Without "
    "sentences,\n"
    "reads one per line from standard input.\n"
    "\n"
    "  minilm_embed minilm.attune vocab.txt 'A cat sleeps.' 'A kitten naps.'\n";

/// all-MiniLM-L6-v2 was trained on at most this many tokens.
constexpr size_t maxTokens = 256;

struct Arguments {
  std::string package, vocab;
  std::vector<std::string> sentences;
  uint32_t threads = 0;
};

bool parse(int argc, char **argv, Arguments &out) {
  int at = 1;
  if (at + 1 < argc && std::strcmp(argv[at], "--threads") == 0) {
    const char *text = argv[at + 1], *end = text + std::strlen(text);
    auto result = std::from_chars(text, end, out.threads);
    if (result.ec != std::errc() || result.ptr != end)
      return false;
    at += 2;
  }
  if (argc - at < 2)
    return false;
  out.package = argv[at];
  out.vocab = argv[at + 1];
  out.sentences.assign(argv + at + 2, argv + argc);
  if (out.sentences.empty())
    for (std::string line; std::getline(std::cin, line);)
      out.sentences.push_back(line);
  return !out.sentences.empty();
}

float dot(const std::vector<float> &a, const std::vector<float> &b) {
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

void print(const std::vector<std::string> &sentences,
           const std::vector<std::vector<float>> &vectors) {
  for (size_t i = 0; i < sentences.size(); ++i)
    std::printf("%2zu  %s\n", i + 1, sentences[i].c_str());
  std::printf("\n  ");
  for (size_t j = 0; j < sentences.size(); ++j)
    std::printf("  %6zu", j + 1);
  for (size_t i = 0; i < sentences.size(); ++i) {
    std::printf("\n%2zu", i + 1);
    for (size_t j = 0; j < sentences.size(); ++j)
      std::printf("  %6.3f", dot(vectors[i], vectors[j]));
  }
  std::printf("\n");
}

int run(const Arguments &arguments) {
  Tokenizer tokenizer(arguments.vocab);
  Model model(arguments.package, arguments.threads);
  std::vector<std::vector<int64_t>> batch;
  for (const std::string &sentence : arguments.sentences)
    batch.push_back(tokenizer.encode(sentence, maxTokens));

  auto start = std::chrono::steady_clock::now();
  std::vector<std::vector<float>> vectors = model.embed(batch);
  std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;

  print(arguments.sentences, vectors);
  std::fprintf(stderr, "\n%zu sentences in %.1f ms, %.1f MB at the peak\n",
               batch.size(), took.count(), double(model.peakBytes()) / 1e6);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  if (argc > 1 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(usage, stdout);
    return 0;
  }
  if (!parse(argc, argv, arguments)) {
    std::fputs(usage, stderr);
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "minilm_embed: %s\n", error.what());
    return 1;
  }
}
