# cmake --install: programs, the header, libattune.so, the CMake package and a
# pkg-config file. All paths in them are relative, so that the tree can be moved.
#
# One shared library for users, because a C program then links one name and needs
# no C++ library of its own; attune's own programs link the parts statically.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(attune_shared SHARED $<TARGET_OBJECTS:attune_core> $<TARGET_OBJECTS:attune_cpu>
  $<TARGET_OBJECTS:attune_cuda>)
add_library(attune::attune ALIAS attune_shared)
target_link_libraries(attune_shared PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
target_link_options(attune_shared PRIVATE
  "LINKER:--version-script=${PROJECT_SOURCE_DIR}/runtime/attune.map")
target_include_directories(attune_shared INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# Below 1.0 a minor version may change the ABI.
set_target_properties(attune_shared PROPERTIES
  OUTPUT_NAME attune
  EXPORT_NAME attune
  LINKER_LANGUAGE CXX
  LINK_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/attune.map"
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

install(TARGETS attune_shared EXPORT attuneTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/runtime/include/attune/attune.h"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/attune")
foreach(program attune attune-run attune-compile attune-opt)
  if(TARGET ${program})
    # libMLIR lies in the LLVM prefix, which the loader does not search.
    set_target_properties(${program} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endforeach()

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/attune")
install(EXPORT attuneTargets NAMESPACE attune:: DESTINATION "${package_folder}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/attuneConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/attuneConfig.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/attuneConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/attuneConfig.cmake"
  "${PROJECT_BINARY_DIR}/attuneConfigVersion.cmake" DESTINATION "${package_folder}")

# pkg-config resolves the prefix from where the file lies.
file(RELATIVE_PATH ATTUNE_PC_PREFIX
  "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file("${CMAKE_CURRENT_LIST_DIR}/attune.pc.in" "${PROJECT_BINARY_DIR}/attune.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/attune.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
