//===- GenerateCommand.cpp - attune generate ------------------------------===//
//
// Enters: a package that gives logits of the next token for each token, and a
// prompt. Leaves: what follows, token by token, on standard output. There is no
// cache of keys and values yet, so that all tokens so far are computed again
// for each new one.
//
//===----------------------------------------------------------------------===//
#include "attune/format.h"
#include "runtime/tools/Facts.h"
#include "runtime/tools/Package.h"
#include "runtime/tools/Terminal.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace attune::tools {

namespace {

/// Text to tokens and back.
class Tokens {
public:
  /// `trained`: those of the checkpoint that runs, which come before the
  /// package's.
  Error create(const Model &model, const std::vector<std::string> &trained,
               int64_t size);
  Error encode(const std::string &text, std::vector<int64_t> &out) const;
  /// What a text begins with where nobody says it.
  int64_t first() const;
  /// Of tokens one behind the other.
  std::string decode(std::span<const int64_t> tokens) const;
  /// Of one that follows others.
  std::string decode(int64_t token) const;
  /// How many of the model's classes are tokens: a text may have had fewer
  /// characters than the model has room for.
  int64_t count() const { return known; }

private:
  enum class Kind { Words, Bytes, Numbers } kind = Kind::Numbers;
  std::vector<std::string> words;
  int64_t known = 0;
};

class Generator {
public:
  Error create(const Model &model, const Session &session);
  /// Logits of what follows the tokens, of which the last ones are taken where
  /// the model has room for fewer.
  Error next(const std::vector<int64_t> &tokens, std::span<const float> &out);
  int64_t vocabulary() const { return classes; }

private:
  attune_session *session = nullptr;
  attune_dtype dtype = ATTUNE_I64;
  bool isFixed = false;     ///< The model always takes `room` tokens.
  int64_t room = 0;         ///< Tokens that it takes at most.
  int64_t classes = 0;      ///< Of the vocabulary.
  std::vector<int64_t> ids; ///< Or half as many places of i32.
};

} // namespace

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

Error Tokens::create(const Model &model,
                     const std::vector<std::string> &trained, int64_t size) {
  known = size;
  std::optional<std::vector<std::string>> found = vocabularyOf(model);
  if (!trained.empty())
    found = trained;
  if (!found) {
    kind = size == 256 ? Kind::Bytes : Kind::Numbers;
    return {};
  }
  words = std::move(*found);
  known = int64_t(words.size());
  if (known < 1 || known > size)
    return usage(cat("the vocabulary of what runs has ", known,
                     " words, expected 1 to ", size,
                     ", as many as the model predicts"));
  kind = Kind::Words;
  return {};
}

Error Tokens::encode(const std::string &text, std::vector<int64_t> &out) const {
  for (size_t at = 0; at < text.size();) {
    if (kind == Kind::Bytes) {
      out.push_back(uint8_t(text[at++]));
      continue;
    }
    if (kind == Kind::Numbers) {
      char *end = nullptr;
      long long number = std::strtoll(&text[at], &end, 10);
      if (end == &text[at])
        return usage(cat("--prompt: there is no vocabulary, neither in the "
                         "package nor in a checkpoint (--state), so it takes "
                         "numbers of tokens, found \"",
                         text.substr(at), "\""));
      out.push_back(number);
      at = size_t(end - text.data());
      at = std::min(text.find_first_not_of(' ', at), text.size());
      continue;
    }
    size_t best = words.size();
    for (size_t i = 0; i < words.size(); ++i)
      if (!words[i].empty() &&
          text.compare(at, words[i].size(), words[i]) == 0 &&
          (best == words.size() || words[i].size() > words[best].size()))
        best = i;
    if (best == words.size())
      return usage(cat("--prompt: nothing in the model's vocabulary is written "
                       "like \"",
                       text.substr(at, 4), "\""));
    out.push_back(int64_t(best));
    at += words[best].size();
  }
  return out.empty() ? usage("--prompt: it has no token") : Error();
}

int64_t Tokens::first() const {
  if (kind == Kind::Words)
    return (std::find(words.begin(), words.end(), "\n") - words.begin()) %
           int64_t(words.size());
  return kind == Kind::Bytes ? '\n' : 0;
}

std::string Tokens::decode(int64_t token) const {
  if (kind == Kind::Words)
    return words[size_t(token)];
  return kind == Kind::Bytes ? std::string(1, char(token)) : cat(" ", token);
}

std::string Tokens::decode(std::span<const int64_t> tokens) const {
  std::string text;
  for (int64_t token : tokens)
    text += decode(token);
  return kind == Kind::Numbers && !text.empty() ? text.substr(1) : text;
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

Error Generator::create(const Model &model, const Session &opened) {
  session = opened.get();
  attune_value_info input, output;
  if (attune_model_input_count(model.get()) != 1 ||
      attune_model_input(model.get(), 0, &input) != ATTUNE_OK ||
      input.rank != 2 ||
      (input.dtype != ATTUNE_I64 && input.dtype != ATTUNE_I32))
    return usage("it takes something else than one input of tokens, [batch, "
                 "length] of i64 or i32, so it generates no text");
  if (attune_model_output(model.get(), 0, &output) != ATTUNE_OK ||
      output.rank != 3 || output.dtype != ATTUNE_F32 || output.dims[2] < 1)
    return usage("its first output is not logits, [batch, length, vocabulary] "
                 "of f32, so it generates no text");
  dtype = input.dtype;
  classes = output.dims[2];
  isFixed = input.dims[1] >= 0;
  room = isFixed ? input.dims[1] : std::numeric_limits<int64_t>::max();
  for (size_t i = 0; !isFixed && i < attune_model_symbol_count(model.get());
       ++i) {
    attune_symbol_info info;
    if (attune_model_symbol(model.get(), i, &info) == ATTUNE_OK &&
        input.dim_text[1] == std::string_view(info.name))
      room = info.max;
  }
  if (input.dims[0] > 1)
    return usage(cat("it takes batches of ", input.dims[0],
                     " sequences; generate makes one"));
  return {};
}

Error Generator::next(const std::vector<int64_t> &tokens,
                      std::span<const float> &out) {
  int64_t count = std::min(int64_t(tokens.size()), room);
  int64_t length = isFixed ? room : count;
  ids.assign(size_t(length), 0);
  const int64_t *first = tokens.data() + (int64_t(tokens.size()) - count);
  auto *narrow = reinterpret_cast<int32_t *>(ids.data());
  for (int64_t i = 0; i < count; ++i)
    if (dtype == ATTUNE_I64)
      ids[size_t(i)] = first[i];
    else
      narrow[i] = int32_t(first[i]);
  attune_tensor input = {dtype,
                         2,
                         {1, length},
                         ids.data(),
                         size_t(length) * attune_dtype_bytes(dtype)};
  if (Error error = check(attune_session_set_input(session, 0, &input)))
    return error;
  if (Error error = check(attune_session_run(session)))
    return error;
  attune_tensor logits;
  if (Error error = check(attune_session_get_output(session, 0, &logits)))
    return error;
  const auto *data = static_cast<const float *>(logits.data);
  out = {data + (count - 1) * classes, size_t(classes)};
  return {};
}

/// One of the classes by softmax(logits / temperature) over the `top`
/// likeliest.
static int64_t choose(std::span<const float> logits,
                      const GenerateOptions &options, uint64_t number) {
  auto likeliest = std::max_element(logits.begin(), logits.end());
  if (options.temperature <= 0)
    return likeliest - logits.begin();
  float least = -std::numeric_limits<float>::infinity();
  if (options.top > 0 && size_t(options.top) < logits.size()) {
    std::vector<float> sorted(logits.begin(), logits.end());
    auto at = sorted.begin() + options.top - 1;
    std::nth_element(sorted.begin(), at, sorted.end(), std::greater<>());
    least = *at;
  }
  std::vector<double> weights;
  double sum = 0;
  for (float logit : logits) {
    weights.push_back(logit < least ? 0
                                    : std::exp(double(logit - *likeliest) /
                                               options.temperature));
    sum += weights.back();
  }
  auto words = format::philox(options.seed, number);
  double draw =
      double(uint64_t(words[1]) << 21 | words[0] >> 11) * 0x1p-53 * sum;
  for (size_t i = 0; i < weights.size(); ++i) {
    draw -= weights[i];
    if (draw < 0 && weights[i] > 0)
      return int64_t(i);
  }
  return likeliest - logits.begin();
}

/// What it goes on from, as tokens that the model knows.
static Error begin(const GenerateOptions &options, const Tokens &tokens,
                   std::vector<int64_t> &all) {
  if (!options.prompt) {
    all = {tokens.first()};
    return {};
  }
  if (Error error = tokens.encode(*options.prompt, all))
    return error;
  for (int64_t token : all)
    if (token < 0 || token >= tokens.count())
      return usage(cat("--prompt: token ", token, ", the vocabulary has ",
                       tokens.count()));
  return {};
}

static Error run(const GenerateOptions &options) {
  Model model;
  Session session;
  train::Progress trained;
  if (Error error = loadModel(options, false, false, model))
    return error;
  if (Error error =
          openSession(model, options, options.state, session, &trained))
    return error;
  Generator generator;
  if (Error error = generator.create(model, session))
    return error.in(options.package);
  Tokens tokens;
  if (Error error =
          tokens.create(model, trained.vocabulary, generator.vocabulary()))
    return error.in(options.package);
  std::vector<int64_t> all;
  if (Error error = begin(options, tokens, all))
    return error;
  std::fprintf(stderr, "without a cache of keys and values: all tokens so far "
                       "are computed again for each new one\n");
  std::string text = tokens.decode(std::span<const int64_t>(all));
  if (!options.json)
    std::fputs(text.c_str(), stdout);
  for (int64_t i = 0; i < options.tokens; ++i) {
    std::span<const float> logits;
    if (Error error = generator.next(all, logits))
      return error;
    logits = logits.first(size_t(tokens.count()));
    all.push_back(choose(logits, options, uint64_t(i)));
    std::string word = tokens.decode(all.back());
    text += word;
    if (options.json)
      continue;
    std::fputs(word.c_str(), stdout);
    std::fflush(stdout);
  }
  if (options.json)
    printJson({{"text", text}, {"tokens", all}});
  else
    std::fputs("\n", stdout);
  return {};
}

int generateCommand(const GenerateOptions &options) {
  Error error = run(options);
  return error ? fail(error) : int(kDone);
}

} // namespace attune::tools
