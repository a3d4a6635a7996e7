# SPDX-License-Identifier: MIT
# Included by the folder above, whose target it adds to.
include(BpfSkeleton)
target_sources(
  netlog_platform
  PRIVATE linux/capabilities.cpp
          linux/clock.cpp
          linux/doctor.cpp
          linux/host.cpp
          linux/live_source.cpp
          linux/name_files.cpp
          linux/namespace_source.cpp
          linux/namespaces.cpp
          linux/notices.cpp
          linux/owner_search.cpp
          linux/process.cpp
          linux/procfs.cpp
          linux/recording_file.cpp
          linux/rights.cpp
          linux/service.cpp
          linux/sock_diag.cpp
          linux/stop_requests.cpp
          linux/terminal.cpp
          linux/tracer.cpp)
if(NETLOG_BPF_MISSING)
  message(STATUS "Tracing by BPF is left out: ${NETLOG_BPF_MISSING} (Debian: clang bpftool libbpf-dev)")
  target_sources(netlog_platform PRIVATE linux/bpf_absent.cpp)
else()
  target_sources(netlog_platform PRIVATE linux/bpf/held_sockets.cpp linux/bpf/prepare.cpp linux/bpf/trace.cpp)
  netlog_bpf_skeleton(TARGET netlog_platform SOURCE linux/bpf/held_sockets.bpf.c NAME held_sockets_bpf)
  netlog_bpf_skeleton(TARGET netlog_platform SOURCE linux/bpf/trace.bpf.c NAME trace_bpf)
endif()
