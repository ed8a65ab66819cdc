//===- Dataset.h - examples that a model is trained on --------------------===//
//
// Enters: files that nobody vouches for. Leaves: samples by number, each a row
// of the model's data and a row of its labels. Immutable once open; read by
// several threads.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Tensor.h"
#include <memory>

namespace attune::train {

using tools::cat;
using tools::Error;

/// What the model takes for one sample: an input without its first dim.
struct Row {
  std::string name; ///< Of the input, for messages.
  attune_dtype dtype = ATTUNE_F32;
  std::vector<int64_t> dims;

  /// -1 where the dims are no size: one is negative, or they overflow.
  int64_t elements() const;
  bool operator==(const Row &) const = default;
};

/// How many different tokens or classes there are, and how they are written.
struct Vocabulary {
  /// Labels and tokens are below it. Where the format does not say how many
  /// there are, it is one more than the largest in the file.
  int64_t size = 0;
  /// Text of each, in order; empty where numbers have no text. UTF-8, but of
  /// bytes each is that byte, which above 127 is UTF-8 only beside others.
  std::vector<std::string> words;

  /// Whether each has a text by itself, which a byte above 127 has not.
  bool isText() const;
};

/// "" where words are those that something was trained on, or the first
/// difference: the same tokens would mean other characters.
std::string vocabularyDifference(const std::vector<std::string> &found,
                                 const std::vector<std::string> &expected);

class Dataset {
public:
  virtual ~Dataset() = default;

  /// Samples of the part; at least one.
  virtual int64_t size() const = 0;
  /// Whether samples overlap, so that they are drawn at random, as windows of a
  /// text are; else each stands for itself and an epoch has each once.
  virtual bool isWindowed() const { return false; }
  virtual const Vocabulary &vocabulary() const = 0;
  /// Writes sample `index` to rows as the model has them; a null row is not
  /// wanted.
  virtual void read(int64_t index, std::byte *data,
                    std::byte *labels) const = 0;
};

struct DatasetOptions {
  /// A folder or file. IDX files (MNIST, also .gz): a folder with
  /// train-images-idx3-ubyte and so on. CIFAR binary: a folder with
  /// data_batch_1.bin ... and test_batch.bin, or train.bin and test.bin.
  /// Pictures: a folder with train/CLASS/*.png|ppm|pgm and val/CLASS/*. Tokens:
  /// a .bin of uint16, raw or with the 1024-byte header of magic 20240520; a
  /// second one, NAME_val.bin beside NAME_train.bin. Text: any other file.
  std::string path;
  /// Of text: "char" (its code points; it must be UTF-8) or "byte".
  std::string vocabulary = "char";
  /// Of one file without a validation part: the last share of it. 0: nothing
  /// is validated, whatever there is.
  double validation = 0.1;
};

/// Whether a dataset may be read from this file: the one that is named, the
/// validation tokens beside it, or one of its folder that looks like data.
/// Asked before something is written there.
bool mayRead(const std::string &dataset, const std::string &file);

/// The parts of a dataset; those of one file share its memory.
struct Parts {
  std::unique_ptr<Dataset> training;
  std::unique_ptr<Dataset> validation; ///< Null where its share is 0.
};

/// Opens a dataset for rows of these kinds; an error names the file, what was
/// expected and what was found.
Error openDataset(const DatasetOptions &options, const Row &data,
                  const Row &labels, Parts &out);

} // namespace attune::train
