# SPDX-License-Identifier: MIT
# Included by the folder above, whose target it adds to.
target_sources(
  netlog_os
  PRIVATE linux/capabilities.cpp
          linux/clock.cpp
          linux/cut_files.cpp
          linux/event_log.cpp
          linux/file_trust.cpp
          linux/files.cpp
          linux/keyboard.cpp
          linux/listening.cpp
          linux/memory.cpp
          linux/name_files.cpp
          linux/privileges.cpp
          linux/service.cpp
          linux/service_unit.cpp
          linux/signals.cpp
          linux/supervisor.cpp
          linux/terminal.cpp)
if(NETLOG_SANITIZE)
  target_sources(netlog_os PRIVATE linux/all_system_calls.cpp)
else()
  target_sources(netlog_os PRIVATE linux/system_calls.cpp)
endif()
netlog_embed_text(TARGET netlog_os HEADER os/linux/unit_text.hpp VARIABLE kUnitText FILES ../../packaging/netlog.service)
target_link_libraries(netlog_os PRIVATE Seccomp::Seccomp)
