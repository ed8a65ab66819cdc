// The symbols of a model's shapes: their names, and what values they may have.
//
// The importer proves with them that a dim is positive, that a slice stays
// inside, that a mask is true everywhere. What it cannot prove but the model
// needs (a position table of 256 rows) narrows a symbol instead: the runtime
// checks the ranges, so a longer sequence is an error there and never read past
// the end.
#ifndef ATTUNE_FRONTENDS_ONNX_SYMBOLS_H
#define ATTUNE_FRONTENDS_ONNX_SYMBOLS_H

#include "dialects/nn/DimInterval.h"
#include "frontends/onnx/Import.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

#include <string>

namespace attune::onnx {

using nn::DimAttr;
using nn::Dims;

class Symbols {
public:
  Symbols(mlir::MLIRContext *context, const ImportOptions &options)
      : context(context), options(options) {}

  /// Tells that an input has a whole dim of this name, which then gets a value
  /// from it.
  void declare(llvm::StringRef param);

  /// The dim that the text of a dim_param stands for: a symbol, a constant if
  /// it is bound to one, or a sum or product of those (`past + seq`) if each
  /// has a value; else one symbol, whatever the text.
  DimAttr fromParam(llvm::StringRef param);

  /// Names that are bound but stand for no dim, sorted.
  std::vector<std::string> unusedBindings() const;

  DimAttr constant(int64_t value) const {
    return DimAttr::constant(context, value);
  }

  // Bounds for all values of the symbols; nothing where there is no bound.
  std::optional<int64_t> lower(DimAttr dim) const;
  std::optional<int64_t> upper(DimAttr dim) const;
  bool atLeast(DimAttr dim, int64_t bound) const;

  /// Makes `dim <= bound` true: because it is, or by narrowing the range of
  /// the symbol if `dim` is one. False if neither is possible.
  bool limit(DimAttr dim, DimAttr bound);

  /// The value of `nn.symbols`: name -> range, for the symbols of `used`.
  mlir::DictionaryAttr ranges() const;

private:
  nn::DimInterval interval(DimAttr dim) const;
  DimAttr symbol(llvm::StringRef name);

  mlir::MLIRContext *context;
  const ImportOptions &options;
  llvm::MapVector<llvm::StringRef, nn::DimInterval> symbols;
  llvm::StringSet<> declared, asked;
};

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_SYMBOLS_H
