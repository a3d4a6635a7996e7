# SPDX-License-Identifier: MIT
# Included by the folder above, whose target it adds to.
target_sources(
  netlog_os
  PRIVATE windows/access.cpp
          windows/clock.cpp
          windows/cut_files.cpp
          windows/event_log.cpp
          windows/file_trust.cpp
          windows/files.cpp
          windows/folders.cpp
          windows/keyboard.cpp
          windows/listening.cpp
          windows/memory.cpp
          windows/name_files.cpp
          windows/privileges.cpp
          windows/service.cpp
          windows/service_program.cpp
          windows/signals.cpp
          windows/supervisor.cpp
          windows/terminal.cpp
          windows/text.cpp)
target_compile_definitions(netlog_os PUBLIC _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN NOMINMAX)
target_link_libraries(netlog_os PUBLIC ws2_32 mswsock advapi32)
