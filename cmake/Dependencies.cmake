# SPDX-License-Identifier: MIT
# Debian 12: libboost1.81-dev libsqlite3-dev libsqlitecpp-dev libspdlog-dev libfmt-dev libcli11-dev
find_package(Boost 1.81 REQUIRED) # headers: System, Asio, Unordered, CRC, JSON
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)

if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  find_package(Catch2 REQUIRED) # 2.13 or 3; tests/catch.hpp knows both
endif()
