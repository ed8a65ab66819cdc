# One ctest case per folder with lit tests: compiler/detect/test -> lit.compiler.detect.
#
# The suite is tests/lit.suite.py; lit and FileCheck are those of the LLVM prefix.
find_program(ATTUNE_LIT NAMES lit lit-22 HINTS "${LLVM_TOOLS_BINARY_DIR}"
             NO_CMAKE_ENVIRONMENT_PATH REQUIRED)
configure_file("${PROJECT_SOURCE_DIR}/tests/lit.site.cfg.py.in"
               "${PROJECT_BINARY_DIR}/tests/lit.site.cfg.py" @ONLY)

# CONFIGURE_DEPENDS: a new test file in a new folder is seen by the next build.
set(lit_patterns)
foreach(part dialects compiler frontends)
  list(APPEND lit_patterns "${PROJECT_SOURCE_DIR}/${part}/*.mlir")
endforeach()
file(GLOB_RECURSE lit_files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
     ${lit_patterns} "${PROJECT_SOURCE_DIR}/tests/e2e/*.test")

# The folders that hold them: X/test for a part, tests/e2e itself.
set(lit_folders)
foreach(file IN LISTS lit_files)
  get_filename_component(folder "${file}" DIRECTORY)
  if(folder MATCHES "/test$" OR folder MATCHES "^tests/e2e")
    list(APPEND lit_folders "${folder}")
  endif()
endforeach()
list(REMOVE_DUPLICATES lit_folders)

foreach(folder IN LISTS lit_folders)
  string(REGEX REPLACE "/test$" "" case "${folder}")
  string(REPLACE "/" "." case "lit.${case}")
  add_test(NAME "${case}"
    COMMAND "${Python3_EXECUTABLE}" "${ATTUNE_LIT}" -sv -j2 "${PROJECT_BINARY_DIR}/tests/${folder}")
  set_tests_properties("${case}" PROPERTIES LABELS lit PROCESSORS 2)
endforeach()
