# SPDX-License-Identifier: MIT
# TLS of `netlog ship` needs OpenSSL (Debian: libssl-dev). Without it NETLOG_TLS_MISSING says why, and netlog ships by
# plain HTTP only.
option(NETLOG_TLS "Build TLS into `netlog ship` where OpenSSL is there" ON)
set(NETLOG_TLS_MISSING "")
if(NOT NETLOG_TLS)
  set(NETLOG_TLS_MISSING "NETLOG_TLS is OFF")
else()
  find_package(OpenSSL 1.1.1 QUIET)
  if(NOT OPENSSL_FOUND)
    set(NETLOG_TLS_MISSING "no OpenSSL")
  endif()
endif()
if(NETLOG_TLS_MISSING)
  message(STATUS "TLS of netlog ship is left out: ${NETLOG_TLS_MISSING} (Debian: libssl-dev)")
endif()
