# SPDX-License-Identifier: MIT
# A page (--format html) needs dygraphs and zlib (Debian: libjs-dygraphs zlib1g-dev). Without them NETLOG_HTML_MISSING
# names what is not there, and netlog is built without pages.
option(NETLOG_HTML "Build the pages of --format html where dygraphs and zlib are there" ON)
set(NETLOG_HTML_MISSING "")
if(NOT NETLOG_HTML)
  set(NETLOG_HTML_MISSING "NETLOG_HTML is OFF")
else()
  # The script is the same for every system, so it may be this system's when another one is built for.
  find_file(
    NETLOG_DYGRAPHS dygraph.min.js
    PATHS /usr/share/javascript/dygraphs /usr/share/javascript/dygraphs/dist
    NO_CMAKE_FIND_ROOT_PATH)
  find_file(
    NETLOG_DYGRAPHS_LICENCE
    NAMES copyright LICENSE.txt
    PATHS /usr/share/doc/libjs-dygraphs
    NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
  find_package(ZLIB QUIET)
  foreach(part IN ITEMS "dygraphs=NETLOG_DYGRAPHS" "the licence of dygraphs=NETLOG_DYGRAPHS_LICENCE" "zlib=ZLIB_FOUND")
    string(REGEX MATCH "(.*)=(.*)" part "${part}")
    if(NOT ${CMAKE_MATCH_2})
      list(APPEND NETLOG_HTML_MISSING "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  list(TRANSFORM NETLOG_HTML_MISSING PREPEND "no ")
  list(JOIN NETLOG_HTML_MISSING ", " NETLOG_HTML_MISSING)
endif()
if(NETLOG_HTML_MISSING)
  message(STATUS "The format html is left out: ${NETLOG_HTML_MISSING} (Debian: libjs-dygraphs zlib1g-dev)")
endif()
