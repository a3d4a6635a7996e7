# SPDX-License-Identifier: MIT
# Compiling BPF programs takes clang, bpftool and libbpf (Debian: clang bpftool libbpf-dev). Without them NETLOG_BPF_MISSING
# names what is not there, and netlog is built without tracing.
option(NETLOG_BPF "Build the tracing by BPF where clang, bpftool and libbpf are there" ON)
set(NETLOG_BPF_MISSING "")
if(NOT NETLOG_BPF)
  set(NETLOG_BPF_MISSING "NETLOG_BPF is OFF")
else()
  find_program(NETLOG_BPF_CLANG clang)
  find_program(NETLOG_BPF_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-19)
  find_program(NETLOG_BPFTOOL bpftool PATHS /usr/sbin /sbin)
  find_package(Libbpf QUIET)
  foreach(part IN ITEMS "clang=NETLOG_BPF_CLANG" "bpftool=NETLOG_BPFTOOL" "libbpf=Libbpf_FOUND")
    string(REGEX MATCH "(.*)=(.*)" part "${part}")
    if(NOT ${CMAKE_MATCH_2})
      list(APPEND NETLOG_BPF_MISSING "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  list(JOIN NETLOG_BPF_MISSING ", " NETLOG_BPF_MISSING)
endif()

# netlog_bpf_skeleton(TARGET t SOURCE x.bpf.c NAME n) makes <n.skel.h>, libbpf's loader for the programs in it.
function(netlog_bpf_skeleton)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;SOURCE;NAME" "")
  set(directory "${PROJECT_BINARY_DIR}/bpf")
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/linux/bpf/*.bpf.h")
  set(object "${directory}/${arg_NAME}.o")
  set(header "${directory}/${arg_NAME}.skel.h")
  # The source lines within are for the verifier's log only; without them the object is two thirds as long.
  set(strip "")
  if(NETLOG_BPF_STRIP)
    set(strip COMMAND "${NETLOG_BPF_STRIP}" -g "${object}")
  endif()
  add_custom_command(
    OUTPUT "${header}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${directory}"
    COMMAND "${NETLOG_BPF_CLANG}" -target bpf -O2 -g -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -Wall -Werror -I "${Libbpf_INCLUDE_DIR}" -idirafter
            "${CMAKE_SYSROOT}/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}" -c "${CMAKE_CURRENT_SOURCE_DIR}/${arg_SOURCE}" -o "${object}"
    ${strip}
    COMMAND "${CMAKE_COMMAND}" -E echo "// NOLINTBEGIN" > "${header}" # not ours to check
    COMMAND "${NETLOG_BPFTOOL}" gen skeleton "${object}" name ${arg_NAME} >> "${header}"
    COMMAND "${CMAKE_COMMAND}" -E echo "// NOLINTEND" >> "${header}"
    DEPENDS "${arg_SOURCE}" ${headers}
    VERBATIM)
  target_sources(${arg_TARGET} PRIVATE "${header}")
  netlog_generated("${header}")
  target_include_directories(${arg_TARGET} SYSTEM PRIVATE "${directory}")
  target_link_libraries(${arg_TARGET} PRIVATE Libbpf::Libbpf)
endfunction()
