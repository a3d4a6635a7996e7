# SPDX-License-Identifier: MIT
# What every target of ours is compiled with.
set(CMAKE_CXX_EXTENSIONS OFF) # gnu++ defines `linux` as 1

find_program(NETLOG_CCACHE ccache)
if(NETLOG_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${NETLOG_CCACHE}")
endif()

add_library(netlog_options INTERFACE)
target_compile_features(netlog_options INTERFACE cxx_std_20)
# Not -Wnon-virtual-dtor: Boost's error_category trips it.
target_compile_options(netlog_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
                                                -Wold-style-cast)
# GCC 12 sees overlaps in std::string's operator+ that are not there (GCC PR 105651).
target_compile_options(
  netlog_options
  INTERFACE
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
if(NETLOG_WERROR)
  target_compile_options(netlog_options INTERFACE -Werror)
endif()
# Hardening, in every build. The C library's checks need optimised code, and the sanitizers have their own.
if(NOT MSVC)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_options(netlog_options INTERFACE -fstack-protector-strong)
  if(NOT WIN32) # there GCC 12 breaks off at large frames (i386_pe_seh_unwind_emit)
    target_compile_options(netlog_options INTERFACE -fstack-clash-protection)
  endif()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(netlog_options INTERFACE -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    target_compile_options(netlog_options INTERFACE -mbranch-protection=standard)
  endif()
  if(NOT NETLOG_SANITIZE)
    target_compile_options(
      netlog_options INTERFACE "$<$<NOT:$<CONFIG:Debug>>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>")
  endif()
  if(WIN32)
    target_link_options(netlog_options INTERFACE -fstack-protector-strong -Wl,--dynamicbase,--nxcompat,--high-entropy-va)
  else()
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES CXX)
    target_link_options(netlog_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
  endif()
endif()
if(NETLOG_SANITIZE)
  target_compile_options(netlog_options INTERFACE -fsanitize=${NETLOG_SANITIZE}
                                                  -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer)
  target_link_options(netlog_options INTERFACE -fsanitize=${NETLOG_SANITIZE})
  if(NETLOG_SANITIZE MATCHES "undefined" AND NOT NETLOG_SANITIZE MATCHES "fuzzer")
    # These checks take a fourth of the time to compile. The address sanitizer reports null pointers, too; tools/fuzz has all
    # checks, for the decoders.
    target_compile_options(netlog_options INTERFACE -fno-sanitize=null,alignment,object-size,vptr)
  endif()
  if(NETLOG_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # clang 14 cannot assemble it for a coroutine: "Cannot represent a difference across sections".
    target_compile_options(netlog_options INTERFACE -fno-sanitize=function)
  endif()
  if(NETLOG_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio has a fence, which this sanitizer does not follow; our io_context runs on one thread.
    target_compile_options(netlog_options INTERFACE -Wno-tsan)
  endif()
endif()

# One static library a folder of src/, linking only what its row of the layering allows.
function(netlog_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(netlog_${name} STATIC ${arg_SOURCES})
  target_include_directories(netlog_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(netlog_${name} PUBLIC netlog_options ${arg_LINKS})
endfunction()
