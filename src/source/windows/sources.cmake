# SPDX-License-Identifier: MIT
# Included by the folder above, whose target it adds to.
target_sources(
  netlog_source
  PRIVATE windows/calls.cpp
          windows/doctor.cpp
          windows/host.cpp
          windows/live_source.cpp
          windows/processes.cpp)
target_link_libraries(netlog_source PRIVATE Sodium::Sodium)
