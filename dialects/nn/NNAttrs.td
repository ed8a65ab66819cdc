// Symbolic dimensions, shapes, ranges, and the enums of the nn ops.
#ifndef ATTUNE_NN_ATTRS_TD
#define ATTUNE_NN_ATTRS_TD

include "dialects/nn/NNEnums.td"
include "mlir/IR/TensorEncoding.td"

class NN_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<NN_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def NN_DimAttr : NN_Attr<"Dim", "dim"> {
  let summary = "An integer dimension: a canonical polynomial over symbols";
  let description = [{
    A sum of terms `coefficient * atom * atom ...`. An atom is a symbol or one
    of floordiv, mod, max, min of two dims that does not simplify (`DimOpAttr`).
    Terms are sorted and merged and the attribute is uniqued, so equal
    polynomials are pointer-equal. Arithmetic whose coefficients leave 64 bits
    gives a null attribute, and null is absorbing.

    ```mlir
    #nn.dim<B * S + 1>      #nn.dim<floordiv(S, 2)>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$coefficients,
    // The atoms of each term, sorted; a power is a repetition.
    ArrayRefParameter<"::mlir::ArrayAttr">:$monomials);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static DimAttr constant(::mlir::MLIRContext *context, int64_t value);
    static DimAttr symbol(::mlir::MLIRContext *context, ::llvm::StringRef name);

    /// The value if no symbol occurs.
    std::optional<int64_t> getConstant() const;
    /// The name if this is a bare symbol, else empty.
    ::llvm::StringRef getSymbol() const;

    DimAttr operator+(DimAttr other) const;
    DimAttr operator-(DimAttr other) const;
    DimAttr operator*(DimAttr other) const;
    DimAttr operator+(int64_t other) const;
    DimAttr operator-(int64_t other) const;
    DimAttr operator*(int64_t other) const;

    /// The quotient if it is exact as a polynomial, else null.
    DimAttr exactDiv(DimAttr divisor) const;
    /// Rounds towards minus infinity; simplifies where the quotient is exact.
    DimAttr floorDiv(DimAttr divisor) const;
    DimAttr ceilDiv(DimAttr divisor) const;
    DimAttr mod(DimAttr divisor) const;
    DimAttr max(DimAttr other) const;
    DimAttr min(DimAttr other) const;

    /// The value under `symbols`; nothing if a symbol is missing, a divisor is
    /// zero, or the arithmetic overflows.
    std::optional<int64_t>
    evaluate(const ::llvm::StringMap<int64_t> &symbols) const;
    /// Replaces symbols by dims; symbols not in the map stay.
    DimAttr substitute(const ::llvm::StringMap<DimAttr> &symbols) const;
    /// Adds the names of all symbols that occur.
    void collectSymbols(::llvm::SetVector<::llvm::StringRef> &symbols) const;

    /// The expression without the `#nn.dim<>` around it.
    std::string str() const;
    void printExpression(::llvm::raw_ostream &os) const;
    static ::mlir::FailureOr<DimAttr> parseExpression(::mlir::AsmParser &parser);
  }];
}

def NN_DimOpAttr : NN_Attr<"DimOp", "dim_op"> {
  let summary = "An atom of a dim: floordiv, mod, max or min of two dims";
  let parameters = (ins
    EnumParameter<NN_DimOpKind>:$kind, "::attune::nn::DimAttr":$lhs, "::attune::nn::DimAttr":$rhs);
  let assemblyFormat = "`<` $kind `,` $lhs `,` $rhs `>`";
}

def NN_ShapeAttr : NN_Attr<"Shape", "shape",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "A list of dims; as a tensor's encoding, its symbolic shape";
  let parameters = (ins ArrayRefParameter<"::attune::nn::DimAttr">:$dims);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static ShapeAttr get(::mlir::MLIRContext *context, ::llvm::ArrayRef<int64_t> values);
    size_t size() const { return getDims().size(); }
    DimAttr operator[](size_t index) const { return getDims()[index]; }
  }];
}

def NN_LayoutAttr : NN_Attr<"Layout", "layout"> {
  let summary = "Where a kernel's operand lies in its root tensor";
  let description = [{
    Element (i, j, ...) of the operand is element `offset + i * strides[0] + j *
    strides[1] + ...` of the root tensor, which is stored row-major without gaps.
    Transposes, splits of a dimension and slices of a tensor are layouts of it.
  }];
  let parameters = (ins "::attune::nn::DimAttr":$offset, "::attune::nn::ShapeAttr":$strides);
  let assemblyFormat = "`<` `offset` `=` $offset `,` `strides` `=` $strides `>`";
}

def NN_RangeAttr : NN_Attr<"Range", "range"> {
  let summary = "What a symbol may be at run time: bounds and a divisor";
  let description = [{
    A function lists its symbols in the dictionary attribute `nn.symbols`:
    `{B = #nn.range<min = 1, max = 8, divisor = 1>}`. A max of -1 is unbounded.
  }];
  let parameters = (ins "int64_t":$min, "int64_t":$max, "int64_t":$divisor);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // ATTUNE_NN_ATTRS_TD
