# SPDX-License-Identifier: MIT
# Debian's libbpf-dev has no CMake package of its own. Defines Libbpf::Libbpf.
include(FindPackageHandleStandardArgs)
find_path(Libbpf_INCLUDE_DIR bpf/libbpf.h)
find_library(Libbpf_LIBRARY bpf)
find_package_handle_standard_args(Libbpf REQUIRED_VARS Libbpf_LIBRARY Libbpf_INCLUDE_DIR)
if(Libbpf_FOUND AND NOT TARGET Libbpf::Libbpf)
  add_library(Libbpf::Libbpf UNKNOWN IMPORTED)
  set_target_properties(Libbpf::Libbpf PROPERTIES IMPORTED_LOCATION "${Libbpf_LIBRARY}"
                                                  INTERFACE_INCLUDE_DIRECTORIES "${Libbpf_INCLUDE_DIR}")
  if(NETLOG_STATIC) # what it needs itself; zstd since elfutils 0.191
    foreach(name elf z zstd)
      find_library(Libbpf_${name}_LIBRARY ${name})
      if(Libbpf_${name}_LIBRARY)
        set_property(TARGET Libbpf::Libbpf APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${Libbpf_${name}_LIBRARY}")
      endif()
    endforeach()
  endif()
endif()
mark_as_advanced(Libbpf_INCLUDE_DIR Libbpf_LIBRARY)
