# SPDX-License-Identifier: MIT
# Debian 12: libboost1.81-dev libsqlite3-dev libsqlitecpp-dev libspdlog-dev libfmt-dev libcli11-dev libsodium-dev
# libtomlplusplus-dev libseccomp-dev; for pages libjs-dygraphs zlib1g-dev (WebPage.cmake); for TLS
# libssl-dev (Tls.cmake)
if(NETLOG_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
find_package(Boost 1.81 REQUIRED) # headers: System, Asio, Beast, Container, Unordered, CRC, JSON
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
set(NETLOG_FMT fmt::fmt)
set(NETLOG_SPDLOG spdlog::spdlog)
if(NETLOG_STATIC) # Debian has no static library of them
  set(NETLOG_FMT fmt::fmt-header-only)
  set(NETLOG_SPDLOG spdlog::spdlog_header_only)
  set_property(TARGET ${NETLOG_SPDLOG} PROPERTY INTERFACE_LINK_LIBRARIES Threads::Threads ${NETLOG_FMT})
endif()
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)

# libsodium brings no CMake package of its own.
find_path(SODIUM_INCLUDE_DIR sodium.h REQUIRED)
find_library(SODIUM_LIBRARY NAMES sodium libsodium REQUIRED)
add_library(Sodium::Sodium UNKNOWN IMPORTED)
set_target_properties(
  Sodium::Sodium PROPERTIES IMPORTED_LOCATION "${SODIUM_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                  "${SODIUM_INCLUDE_DIR}")
if(WIN32) # linked statically
  set_property(TARGET Sodium::Sodium PROPERTY INTERFACE_COMPILE_DEFINITIONS SODIUM_STATIC=1)
endif()

# toml++ is headers only; Debian's package has no CMake package.
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
add_library(Tomlplusplus::Tomlplusplus INTERFACE IMPORTED)
set_target_properties(Tomlplusplus::Tomlplusplus PROPERTIES INTERFACE_INCLUDE_DIRECTORIES
                                                            "${TOMLPLUSPLUS_INCLUDE_DIR}")

if(NOT WIN32) # libseccomp brings none, either
  find_path(SECCOMP_INCLUDE_DIR seccomp.h REQUIRED)
  find_library(SECCOMP_LIBRARY NAMES seccomp REQUIRED)
  add_library(Seccomp::Seccomp UNKNOWN IMPORTED)
  set_target_properties(
    Seccomp::Seccomp PROPERTIES IMPORTED_LOCATION "${SECCOMP_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                       "${SECCOMP_INCLUDE_DIR}")
endif()

if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  find_package(Catch2 REQUIRED) # 2.13 or 3; tests/catch.hpp knows both
endif()
