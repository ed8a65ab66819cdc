// A sentence-embedding model behind the C API.
//
// Enters: token ids of some sentences. Leaves: one unit vector per sentence.
// This file pair is the part to copy into a program of your own.
#pragma once
#include <attune/attune.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

class Model {
public:
  /// Loads the package. Throws std::runtime_error with attune's own message, or
  /// when the package is no sentence encoder. `threads` 0: all processors.
  Model(const std::string &packagePath, uint32_t threads);

  /// Embeds a batch of sentences of any lengths, each at least one token.
  /// Returns one vector of norm 1 per sentence, in order.
  std::vector<std::vector<float>>
  embed(const std::vector<std::vector<int64_t>> &sentences);

  /// What the last embed() needed: arena, outputs and weights.
  uint64_t peakBytes() const;

private:
  struct Release {
    void operator()(attune_model *model) const { attune_model_release(model); }
    void operator()(attune_session *session) const {
      attune_session_release(session);
    }
  };
  std::unique_ptr<attune_model, Release> model;
  std::unique_ptr<attune_session, Release> session;
};
