//===- ProgramBuilder.cpp - a whole function to a Program -----------------===//
//
// Lays out registers, immediates, parameters and variables, then decodes
// instruction by instruction. All that is not supported is reported at once.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Opcodes.h"
#include "tests/gpusim/machine/ControlFlow.h"
#include <algorithm>
#include <cstring>

namespace attune::gpusim {

static uint64_t alignUp(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

/// `bytes` per lane; 0 for a predicate, which is one mask.
Row ProgramBuilder::newRow(unsigned bytes) {
  auto row = Row(registerBytes);
  registerBytes += bytes ? alignUp(uint64_t(bytes) * kWarpSize, 64) : 64;
  program.registers.resize(registerBytes, std::byte(0xff));
  return row;
}

Row ProgramBuilder::constantRow(uint64_t bits, unsigned bytes) {
  if (bytes && bytes < 8)
    bits &= (uint64_t(1) << (8 * bytes)) - 1;
  auto [found, isNew] = constants.try_emplace({bits, bytes}, 0);
  if (!isNew)
    return found->second;
  Row row = newRow(bytes);
  std::byte *place = program.registers.data() + row;
  if (bytes == 0)
    std::memcpy(place, &bits, sizeof(Mask));
  for (unsigned lane = 0; bytes && lane < kWarpSize; ++lane)
    std::memcpy(place + lane * bytes, &bits, std::min(bytes, 8u));
  found->second = row;
  return row;
}

Row ProgramBuilder::carryRow() {
  if (carry == kNoRow)
    carry = newRow(0);
  return carry;
}

namespace {
struct SpecialName {
  std::string_view name;
  SpecialKind kind;
  bool hasDimension;
};
} // namespace

static constexpr SpecialName kSpecials[] = {
    {"%tid", SpecialKind::Tid, true},
    {"%ntid", SpecialKind::Ntid, true},
    {"%ctaid", SpecialKind::Ctaid, true},
    {"%nctaid", SpecialKind::Nctaid, true},
    {"%laneid", SpecialKind::LaneId, false},
    {"%warpid", SpecialKind::WarpId, false},
    {"%nwarpid", SpecialKind::NWarpId, false},
    {"%lanemask_eq", SpecialKind::LaneMaskEq, false},
    {"%lanemask_lt", SpecialKind::LaneMaskLt, false},
    {"%lanemask_le", SpecialKind::LaneMaskLe, false},
    {"%lanemask_gt", SpecialKind::LaneMaskGt, false},
    {"%lanemask_ge", SpecialKind::LaneMaskGe, false},
    {"%dynamic_smem_size", SpecialKind::DynamicSharedSize, false},
    {"%total_smem_size", SpecialKind::TotalSharedSize, false},
    {"WARP_SZ", SpecialKind::WarpSize, false},
};

Row ProgramBuilder::specialRow(const std::string &name) {
  if (auto found = specials.find(name); found != specials.end())
    return found->second;
  std::string_view base = name, suffix;
  if (size_t dot = base.find('.'); dot != base.npos) {
    suffix = base.substr(dot + 1);
    base = base.substr(0, dot);
  }
  for (const SpecialName &special : kSpecials) {
    if (special.name != base)
      continue;
    size_t dimension = std::string_view("xyz").find(suffix);
    if (special.hasDimension != (suffix.size() == 1) || dimension > 2)
      return kNoRow;
    Row row = newRow(4);
    program.specials.push_back({special.kind, uint8_t(dimension), row});
    specials.emplace(name, row);
    return row;
  }
  return kNoRow;
}

std::optional<ProgramBuilder::Located>
ProgramBuilder::locate(const Operand &operand) const {
  switch (operand.kind) {
  case Operand::Parameter:
    return Located{program.parameterPlaces[operand.index].offset, Space::Param};
  case Operand::LocalSymbol:
    return Located{variablePlaces[operand.index],
                   function.variables[operand.index].space};
  case Operand::GlobalSymbol: {
    const Variable &variable = module.variables[operand.index];
    bool dynamic = variable.space == Space::Shared && variable.external;
    return Located{dynamic ? program.staticShared
                           : places.addresses[operand.index],
                   variable.space};
  }
  default:
    return std::nullopt;
  }
}

void ProgramBuilder::placeParameters() {
  program.parameters = function.parameters;
  uint64_t at = 0;
  for (const Variable &parameter : function.parameters) {
    at = alignUp(at, parameter.align);
    program.parameterPlaces.push_back({at, parameter.size});
    at += parameter.size;
  }
  program.parameterBytes = at;
}

/// Shared variables follow those of the module, and the dynamic part follows
/// them, on the largest alignment that anybody asks for; local ones are per
/// thread.
void ProgramBuilder::placeVariables() {
  uint64_t shared = places.staticShared, local = 0;
  for (const Variable &variable : function.variables) {
    uint64_t &at = variable.space == Space::Shared ? shared : local;
    at = alignUp(at, variable.align);
    variablePlaces.push_back(at);
    at += variable.size;
  }
  for (const Variable &variable : module.variables)
    if (variable.space == Space::Shared && variable.external)
      shared = alignUp(shared, variable.align);
  program.staticShared = shared;
  program.localBytes = alignUp(local, 16);
}

bool ProgramBuilder::decode(const Instruction &source, std::string &error) {
  Decoding decoding(*this, source);
  if (source.guard >= 0) {
    decoding.inst.guard = registerRows[size_t(source.guard)];
    decoding.inst.guardNegated = source.guardNegated;
  }
  Decode decoder = findDecoder(source.opcode, classOf(decoding.lastType()));
  if (!decoder)
    decoding.fail("the instruction is not supported");
  else
    decoder(decoding);
  if (!decoding.failed())
    decoding.finish();
  error = decoding.error;
  program.code.push_back(decoding.inst);
  program.opcodes.push_back(source.fullName());
  return error.empty();
}

std::optional<Program> ProgramBuilder::build(std::string &error) {
  program.name = function.name;
  program.requiredBlock = function.requiredBlock;
  program.maximumBlock = function.maximumBlock;
  placeParameters();
  placeVariables();
  for (const Register &reg : function.registers)
    registerRows.push_back(
        newRow(reg.type == Type::Pred ? 0 : laneBytes(reg.type)));
  constexpr unsigned kMaxComplaints = 20;
  unsigned complaints = 0;
  // A label may stand behind the last instruction, where a return is added.
  for (const auto &table : function.branchTables) {
    auto &targets = program.branchTables.emplace_back();
    for (uint32_t label : table)
      targets.push_back(function.labels[label]);
  }
  for (const Instruction &instruction : function.instructions) {
    std::string complaint;
    if (decode(instruction, complaint) || ++complaints > kMaxComplaints)
      continue;
    error += (error.empty() ? "" : "\n") + complaint;
  }
  if (complaints > kMaxComplaints)
    error += "\nand " + std::to_string(complaints - kMaxComplaints) + " more";
  if (complaints)
    return std::nullopt;
  // Falling off the end is a return.
  Instruction end;
  end.opcode = "ret";
  end.line = function.instructions.empty() ? function.line
                                           : function.instructions.back().line;
  decode(end, error);
  findJoins(program);
  return std::move(program);
}

} // namespace attune::gpusim
