# SPDX-License-Identifier: MIT
# netlog_embed_text(TARGET t HEADER x/y.hpp VARIABLE kName FILES a.sql …) makes a header with
#   inline constexpr std::array<std::pair<std::string_view, std::string_view>, N> netlog::kName
# of each file's name without its extension and its text. Made again when a file changes.
if(CMAKE_SCRIPT_MODE_FILE)
  set(entries "")
  set(count 0)
  foreach(file IN LISTS FILES)
    get_filename_component(stem "${file}" NAME_WE)
    file(READ "${file}" text)
    string(APPEND entries "    {\"${stem}\", R\"netlog(${text})netlog\"},\n")
    math(EXPR count "${count} + 1")
  endforeach()
  file(
    WRITE "${HEADER}"
    "#pragma once\n#pragma GCC system_header // texts longer than 65,536 bytes\n#include <array>\n#include <string_view>\n#include <utility>\n\nnamespace netlog {\n"
    "inline constexpr std::array<std::pair<std::string_view, std::string_view>, ${count}> ${VARIABLE}{{\n"
    "${entries}}};\n}  // namespace netlog\n")
  return()
endif()

# The target netlog_generated makes all headers that a build generates: what tools/lint needs to read the sources.
add_custom_target(netlog_generated)
function(netlog_generated header)
  string(MAKE_C_IDENTIFIER "${header}" name)
  string(MD5 name "${name}")
  add_custom_target(netlog_generated_${name} DEPENDS "${header}")
  add_dependencies(netlog_generated netlog_generated_${name})
endfunction()

set(NETLOG_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")
function(netlog_embed_text)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;HEADER;VARIABLE" "FILES")
  set(header "${CMAKE_CURRENT_BINARY_DIR}/embedded/${arg_HEADER}")
  list(TRANSFORM arg_FILES REPLACE "^([^/].*)$" "${CMAKE_CURRENT_SOURCE_DIR}/\\1")
  list(JOIN arg_FILES "$<SEMICOLON>" files)
  add_custom_command(
    OUTPUT "${header}"
    COMMAND "${CMAKE_COMMAND}" "-DHEADER=${header}" "-DVARIABLE=${arg_VARIABLE}" "-DFILES=${files}" -P
            "${NETLOG_EMBED_SCRIPT}"
    DEPENDS ${arg_FILES} "${NETLOG_EMBED_SCRIPT}"
    VERBATIM)
  target_sources(${arg_TARGET} PRIVATE "${header}")
  netlog_generated("${header}")
  target_include_directories(${arg_TARGET} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/embedded")
endfunction()
