# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced: what a test needs of the host. Where it is missing the test ends with 77, which CTest shows as skipped. These query
# the host and not netlog, so that a broken netlog fails and is not skipped.
PATH=$PATH:/usr/sbin:/sbin

skip() { echo "skipped: $*"; exit 77; }
need() { # programs
  for program; do command -v "$program" >/dev/null || skip "no $program here"; done
}
need_root() { [ "$(id -u)" -eq 0 ] || skip "not root"; }
need_netns() { unshare -n true 2>/dev/null || skip "no network namespaces here"; }
need_mounts() { unshare --mount --map-root-user true 2>/dev/null || skip "no mount namespaces here"; }
need_ipv6() { [ -n "$(cat /proc/net/if_inet6 2>/dev/null)" ] || skip "no IPv6 here"; }
need_tracing() {
  need_root
  [ -r /sys/kernel/btf/vmlinux ] || skip "the kernel has no type information"
  bpftool prog list >/dev/null 2>&1 || skip "bpf(2) is not allowed here, or bpftool is missing"
}
need_process_events() { # the kernel reports processes only to root's first namespaces, and to others since Linux 6.6
  need_root
  [ "$(readlink /proc/self/ns/pid)" = 'pid:[4026531836]' ] || skip "not in the first pid namespace"
  [ "$(readlink /proc/self/ns/user)" = 'user:[4026531837]' ] || skip "not in the first user namespace"
  awk '$2 == 11 && $3 == 0 { found = 1 } END { exit !found }' /proc/net/netlink || skip "no process connector here"
}
