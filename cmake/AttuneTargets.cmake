# attune_library, attune_program and attune_test: the only ways a target is made.
#
#   attune_library(fusion MLIR SOURCES A.cpp B.cpp DEPS attune_nn)
#
# makes the static library attune_fusion. MLIR adds the MLIR headers (as SYSTEM),
# the shared precompiled header and the MLIR/LLVM shared libraries. EXCEPTIONS
# turns exceptions on; only programs and the code that wraps CLI11 or JSON need it.

# MLIR's generated code leaves parameters unused, as LLVM's own build allows.
set(ATTUNE_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter)

function(attune_configure target)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS" "" "" ${ARGN})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}>)
  target_compile_options(${target} PRIVATE ${ATTUNE_WARNINGS})
  if(NOT ARG_EXCEPTIONS)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  endif()
  if(ARG_MLIR)
    target_include_directories(${target} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
    target_compile_definitions(${target} PRIVATE ${ATTUNE_LLVM_DEFINITIONS})
    target_link_libraries(${target} PUBLIC MLIR LLVM)
    if(NOT ARG_EXCEPTIONS)
      target_precompile_headers(${target} REUSE_FROM attune_mlir_headers)
    endif()
  endif()
endfunction()

function(attune_library name)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS" "" "SOURCES;DEPS" ${ARGN})
  set(target attune_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  set(flags)
  if(ARG_MLIR)
    list(APPEND flags MLIR)
  endif()
  if(ARG_EXCEPTIONS)
    list(APPEND flags EXCEPTIONS)
  endif()
  attune_configure(${target} ${flags})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS})
endfunction()

function(attune_program name)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set(flags)
  if(ARG_MLIR)
    list(APPEND flags MLIR)
  endif()
  if(ARG_EXCEPTIONS)
    list(APPEND flags EXCEPTIONS)
  endif()
  attune_configure(${name} ${flags})
  # The shared precompiled header is -fPIC; CMake would give a program -fPIE,
  # and clang refuses a header made with the other of the two.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# A GoogleTest program whose cases become ctest cases named NAME.Suite.Case.
function(attune_test name)
  if(NOT ATTUNE_BUILD_TESTS)
    return()
  endif()
  attune_program(${name} ${ARGN} DEPS GTest::gmock GTest::gtest_main)
  cmake_parse_arguments(ARG "MLIR;EXCEPTIONS" "" "SOURCES;DEPS" ${ARGN})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/bin")
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60)
endfunction()
