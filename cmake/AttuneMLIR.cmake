# Finds LLVM/MLIR/lld 22, makes the shared precompiled header, and offers
# attune_dialect_tablegen and attune_pass_tablegen.
find_package(MLIR 22.1 REQUIRED CONFIG)  # its version file accepts only equal major.minor
find_package(LLD REQUIRED CONFIG HINTS "${LLVM_DIR}/../lld")
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(ATTUNE_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

add_library(attune_mlir_headers OBJECT "${CMAKE_CURRENT_LIST_DIR}/MLIRHeaders.cpp")
target_include_directories(attune_mlir_headers SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_options(attune_mlir_headers PRIVATE ${ATTUNE_WARNINGS} -fno-exceptions)
target_compile_definitions(attune_mlir_headers PRIVATE ${ATTUNE_LLVM_DEFINITIONS})
target_precompile_headers(attune_mlir_headers PRIVATE "${CMAKE_CURRENT_LIST_DIR}/MLIRHeaders.h")

# attune_dialect_tablegen(nn TD NN.td): NN.h.inc etc. for dialect "nn".
function(attune_dialect_tablegen dialect)
  cmake_parse_arguments(ARG "TYPES;ATTRS;ENUMS;INTERFACES" "TD" "" ${ARGN})
  get_filename_component(base ${ARG_TD} NAME_WE)
  set(LLVM_TARGET_DEFINITIONS ${ARG_TD})
  include_directories(${PROJECT_SOURCE_DIR})
  include_directories(SYSTEM ${MLIR_INCLUDE_DIRS})  # tablegen reads the directory property
  mlir_tablegen(${base}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${base}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${base}Dialect.h.inc -gen-dialect-decls -dialect=${dialect})
  mlir_tablegen(${base}Dialect.cpp.inc -gen-dialect-defs -dialect=${dialect})
  if(ARG_TYPES)
    mlir_tablegen(${base}Types.h.inc -gen-typedef-decls -typedefs-dialect=${dialect})
    mlir_tablegen(${base}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${dialect})
  endif()
  if(ARG_ATTRS)
    mlir_tablegen(${base}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${dialect})
    mlir_tablegen(${base}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${dialect})
  endif()
  if(ARG_ENUMS)
    mlir_tablegen(${base}Enums.h.inc -gen-enum-decls)
    mlir_tablegen(${base}Enums.cpp.inc -gen-enum-defs)
  endif()
  if(ARG_INTERFACES)
    mlir_tablegen(${base}Interfaces.h.inc -gen-op-interface-decls)
    mlir_tablegen(${base}Interfaces.cpp.inc -gen-op-interface-defs)
  endif()
  add_public_tablegen_target(attune_${dialect}_tablegen)
endfunction()

# attune_pass_tablegen(detect): Passes.h.inc from Passes.td of a stage folder.
function(attune_pass_tablegen stage)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  include_directories(${PROJECT_SOURCE_DIR})
  include_directories(SYSTEM ${MLIR_INCLUDE_DIRS})  # tablegen reads the directory property
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name=${stage})
  add_public_tablegen_target(attune_${stage}_passes_tablegen)
endfunction()
