// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Reports which process uses a socket: sends or receives with it. To hold a descriptor is no use:
// children inherit it, and let go of it later than the process that uses it. Included by
// trace.bpf.c. Most calls end after one lookup: the socket's last user is the current process.
#pragma once

enum { kMaxUserReports = 8, kTryAgain = 11 /* EAGAIN */ };

// Whether the kernel opened the socket for itself, as for NFS. The process in whose context it is
// used is not its owner. A subflow of MPTCP is opened like that, too, on behalf of a process.
static __always_inline int is_of_kernel(struct sock* sk) {
  if (!BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock)) {
    return 0;
  }
  struct tcp_sock* tcp = (struct tcp_sock*)sk;
  return BPF_CORE_READ(sk, sk_protocol) != kTcp || !BPF_CORE_READ(tcp, is_mptcp);
}

static __noinline int report_user(struct sock* sk, struct socket_use* use, __u64 cookie) {
  struct caller caller = {};
  if (is_of_kernel(sk) || !current_caller(&caller)) {
    return 0;
  }
  note_process(caller.pid);
  use->user = caller;
  use->is_owner_reported = 1;
  if (use->user_reports >= kMaxUserReports) {
    return 0;  // several processes take turns
  }
  ++use->user_reports;
  struct event* event = reserve();
  if (!event) {
    return 0;
  }
  event->kind = kUser;
  event->cookie = cookie;
  event->netns = sk->__sk_common.skc_net.net->ns.inum;
  name(event, &caller);
  submit(event);
  return 0;
}

static __always_inline int note_user(struct sock* sk) {
  const __u16 family = sk->__sk_common.skc_family;
  if (family != kInet && family != kInet6) {
    return 0;
  }
  const __u16 protocol = sk->sk_protocol;
  if (protocol != kTcp && protocol != kUdp) {
    return 0;
  }
  const __u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct socket_use* use = bpf_sk_storage_get(&socket_uses, sk, 0, 0);
  if (use && use->user.pid == pid) {
    return 0;
  }
  if (!use) {
    // Older than the trace, or UDP.
    const __u8 state = sk->__sk_common.skc_state;
    if (protocol == kTcp && (state == BPF_TCP_CLOSE || state == BPF_TCP_LISTEN)) {
      return 0;
    }
    use = bpf_sk_storage_get(&socket_uses, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!use) {
      return 0;
    }
  }
  return report_user(sk, use, bpf_get_socket_cookie(sk));
}

// A call that would have to wait is no use: of those who wait for a socket, one gets the data.
SEC("tp_btf/sock_send_length")
int BPF_PROG(netlog_send, struct sock* sk, int result) {
  return result == -kTryAgain ? 0 : note_user(sk);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(netlog_receive, struct sock* sk, int result) {
  return result == -kTryAgain ? 0 : note_user(sk);
}

// In place of the two above before Linux 6.3.
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(netlog_read, struct sock* sk) {
  return note_user(sk);
}
