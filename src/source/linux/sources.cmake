# SPDX-License-Identifier: MIT
# Included by the folder above, whose target it adds to.
include(BpfSkeleton)
target_sources(
  netlog_source
  PRIVATE linux/container_names.cpp
          linux/descriptor_table.cpp
          linux/doctor.cpp
          linux/executable_hashes.cpp
          linux/file_hashes.cpp
          linux/holder_table.cpp
          linux/host.cpp
          linux/hosts_file.cpp
          linux/live_source.cpp
          linux/namespace_source.cpp
          linux/namespace_sources.cpp
          linux/namespaces.cpp
          linux/netlink_listener.cpp
          linux/notices.cpp
          linux/owner_search.cpp
          linux/proc_connector.cpp
          linux/process.cpp
          linux/process_watch.cpp
          linux/procfs.cpp
          linux/sock_diag.cpp
          linux/traced_process.cpp
          linux/tracer.cpp)
target_link_libraries(netlog_source PRIVATE Sodium::Sodium Threads::Threads)
if(NETLOG_BPF_MISSING)
  message(STATUS "Tracing by BPF is left out: ${NETLOG_BPF_MISSING} (Debian: clang bpftool libbpf-dev)")
  target_sources(netlog_source PRIVATE linux/bpf_absent.cpp)
else()
  target_sources(netlog_source PRIVATE linux/bpf/cgroup_root.cpp linux/bpf/held_sockets.cpp linux/bpf/prepare.cpp
                                        linux/bpf/trace.cpp linux/bpf/packets.cpp)
  netlog_bpf_skeleton(TARGET netlog_source SOURCE linux/bpf/held_sockets.bpf.c NAME held_sockets_bpf)
  netlog_bpf_skeleton(TARGET netlog_source SOURCE linux/bpf/trace.bpf.c NAME trace_bpf)
  netlog_bpf_skeleton(TARGET netlog_source SOURCE linux/bpf/packets.bpf.c NAME packets_bpf)
endif()
