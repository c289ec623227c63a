# What every target of the tree has in common.
include_guard()

option(MILLRACE_TESTS "Build unit tests, fuzz targets, benchmarks and test tools" ON)
set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
option(MILLRACE_LIBFUZZER "Link fuzz targets against libFuzzer rather than the corpus runner" OFF)

add_library(millrace_options INTERFACE)
target_compile_options(millrace_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-unused-parameter
                       -Werror=return-type -fno-omit-frame-pointer)
target_include_directories(millrace_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(millrace_options INTERFACE MILLRACE_VERSION="${PROJECT_VERSION}")
if(MILLRACE_SANITIZE)
  target_compile_options(millrace_options INTERFACE -fsanitize=${MILLRACE_SANITIZE}
                         -fno-sanitize-recover=all)
  target_link_options(millrace_options INTERFACE -fsanitize=${MILLRACE_SANITIZE})
endif()
if(MILLRACE_LIBFUZZER)
  target_compile_options(millrace_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(MILLRACE_LLD NAMES ld.lld-16 ld.lld)
if(MILLRACE_LLD)
  target_link_options(millrace_options INTERFACE -fuse-ld=${MILLRACE_LLD})
endif()
find_program(MILLRACE_CCACHE ccache)
if(MILLRACE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MILLRACE_CCACHE})
endif()

# millrace_compile_quickly(target): code whose speed nobody waits for, but whose optimising under
# ASan takes two thirds of its compilation.
function(millrace_compile_quickly target)
  if(MILLRACE_SANITIZE MATCHES address)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# millrace_library(name SOURCES a.cc... [PUBLIC deps...] [PRIVATE deps...])
# A small static library. PUBLIC only where the dependency shows in a header.
function(millrace_library name)
  cmake_parse_arguments(A "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  if(A_SOURCES)
    add_library(${name} STATIC ${A_SOURCES})
    target_link_libraries(${name} PUBLIC millrace_options ${A_PUBLIC} PRIVATE ${A_PRIVATE})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE millrace_options ${A_PUBLIC})
  endif()
endfunction()

# millrace_program(name SOURCES a.cc... LIBS deps...): lands in build/<preset>/bin.
function(millrace_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE millrace_options ${A_LIBS})
endfunction()

# millrace_test(name SOURCES a_test.cc... LIBS deps... [LABELS l...] [TIMEOUT s])
# One GoogleTest program; label `unit` unless told otherwise.
function(millrace_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE millrace_options ${A_LIBS} GTest::gmock GTest::gtest_main)
  millrace_compile_quickly(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT})
endfunction()

# millrace_fuzz(name SOURCES x_fuzz.cc LIBS deps...): corpus in tests/fuzz/corpus/<name>.
# In every build the corpus runs as a plain test; with MILLRACE_LIBFUZZER it is a libFuzzer program.
function(millrace_fuzz name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  if(MILLRACE_LIBFUZZER)
    add_executable(${name} ${A_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name} COMMAND ${name} -runs=0 ${corpus})
  else()
    add_executable(${name} ${A_SOURCES} ${CMAKE_SOURCE_DIR}/tests/support/corpus_main.cc)
    add_test(NAME ${name} COMMAND ${name} ${corpus})
  endif()
  target_link_libraries(${name} PRIVATE millrace_options ${A_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()

# add_subdirectory for a part that may not exist yet.
macro(millrace_subdirectory folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endmacro()
