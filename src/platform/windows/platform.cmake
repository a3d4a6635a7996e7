# SPDX-License-Identifier: MIT
# Included by the folder above, whose target it adds to.
target_sources(
  netlog_platform
  PRIVATE windows/calls.cpp
          windows/clock.cpp
          windows/doctor.cpp
          windows/host.cpp
          windows/live_source.cpp
          windows/name_files.cpp
          windows/processes.cpp
          windows/recording_file.cpp
          windows/rights.cpp
          windows/service.cpp
          windows/stop_requests.cpp
          windows/terminal.cpp
          windows/text.cpp)
target_compile_definitions(netlog_platform PUBLIC _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX)
target_link_libraries(
  netlog_platform PUBLIC ws2_32 mswsock advapi32 shell32 ole32)
