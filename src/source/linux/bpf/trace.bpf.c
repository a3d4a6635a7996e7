// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Reports every TCP state change of every socket, and the process that caused it if the change came
// from a system call. docs/capture-format.md has the layout of an event. User space copies events
// and reads only the pid and the start time of the process.
//
// There are two variants, which differ in their hooks only. sock_ops with the cgroup socket hooks
// loses nothing but needs a cgroup2 mount. tp_btf needs no mount, but the kernel skips a call that
// interrupts another call of the same program on the same CPU.
#include <linux/types.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "kernel.bpf.h"

// The kernel lets only GPL-compatible programs use some helpers.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum { kDatagram = 2, kKernelThread = 0x00200000 };
enum { kTransition = 1, kLastCloser = 2, kUdpSocketCreated = 3, kUser = 4 };
enum { kUnknownOrigin = 0, kConnect = 1, kListen = 2, kAccept = 3 };
enum { kFinReceived = 1, kOrphan = 2, kKernelSocket = 0x80 };
enum { kBeforeExec = 1 };  // flags of a last closer
enum { kSendShutdown = 2 };
enum { kIcmp = 2, kIcmp6 = 3 };  // linux/errqueue.h, SO_EE_ORIGIN_ICMP

struct event {
  __u64 at_ns;  // all times: boot clock
  __u64 begun_ns;
  __u64 cookie;
  __u64 bytes_sent;
  __u64 bytes_resent;
  __u64 bytes_received;
  __u64 process_start_ns;
  __u32 pid;
  __u32 netns;
  __u32 uid;
  __u32 scope;
  __u32 retransmits;
  __u32 rtt_8us;
  __u32 segments_out;
  __u32 segments_in;
  __u16 local_port;
  __u16 remote_port;
  __u16 error;
  __u8 kind;
  __u8 origin;
  __u8 old_state;
  __u8 new_state;
  __u8 family;
  __u8 flags;
  __u8 local[16];
  __u8 remote[16];
  char comm[16];
  __u32 padding;
};

_Static_assert(sizeof(struct event) == 152, "docs/capture-format.md");

struct caller {
  __u64 start_ns;
  __u32 pid;
  char comm[16];
};

// What we store with a socket. A socket that connects again after a close is a new use of it.
struct socket_use {
  __u64 begun_ns;
  struct caller user;  // the process that has used it last: connected, sent or received
  __u32 netns;
  __u8 origin;
  __u8 user_reports;
  __u8 is_owner_reported;
  __u8 is_closed;
  __u8 is_connecting;  // SYN_SENT could not be reported
  __u8 error;  // that its connect has had before it ended
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct socket_use);
} socket_uses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 24);  // the loader sets the real size
} events SEC(".maps");

// The number of events for which the buffer had no room. User space maps it.
__u64 lost = 0;

// The pid of a process that is never reported as a caller. The loader sets it.
const volatile int ignored_pid = 0;

static __always_inline struct event* reserve(void) {
  struct event* event = bpf_ringbuf_reserve(&events, sizeof *event, 0);
  if (!event) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  __builtin_memset(event, 0, sizeof *event);
  event->at_ns = bpf_ktime_get_boot_ns();
  return event;
}

// The reader polls every few milliseconds. To wake it would cost five times as much as the event.
static __always_inline void submit(struct event* event) {
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

#include "processes.bpf.h"

// Fills in the current process. Returns 0 for kernel threads and for `ignored_pid`.
static __always_inline int current_caller(struct caller* caller) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (task->flags & kKernelThread) {
    return 0;
  }
  struct task_struct* leader = task->group_leader;
  if (leader->tgid == ignored_pid) {
    return 0;
  }
  caller->pid = leader->tgid;
  caller->start_ns = leader->start_boottime;
  __builtin_memcpy(caller->comm, leader->comm, sizeof caller->comm);
  return 1;
}

static __always_inline void name(struct event* event, const struct caller* caller) {
  event->pid = caller->pid;
  event->process_start_ns = caller->start_ns;
  __builtin_memcpy(event->comm, caller->comm, sizeof event->comm);
}

static __always_inline void name_current(struct event* event) {
  struct caller caller = {};
  if (current_caller(&caller)) {
    name(event, &caller);
  }
}

#include "users.bpf.h"

// The current process uses the socket. A socket of the kernel has no user.
static __always_inline void set_user(struct sock* sk, struct socket_use* use) {
  if (!is_of_kernel(sk) && current_caller(&use->user)) {
    note_process(use->user.pid);
  }
}

// The process that lets go of a socket which nobody was seen to use. It may have inherited it.
static __always_inline void report_closer(struct socket_use* use, __u64 cookie, __u32 netns) {
  struct caller caller = {};
  if (!current_caller(&caller)) {
    return;
  }
  note_process(caller.pid);
  struct event* event = reserve();
  if (!event) {
    return;
  }
  struct task_struct* task = bpf_get_current_task_btf();
  event->kind = kLastCloser;
  event->cookie = cookie;
  event->netns = netns;
  name(event, &caller);
  // An exec closes descriptors, and so does a child of vfork(2) and posix_spawn(3) before it.
  if (BPF_CORE_READ_BITFIELD_PROBED(task, in_execve) || task->vfork_done) {
    struct task_struct* parent = BPF_CORE_READ(task, group_leader, real_parent, group_leader);
    event->flags = kBeforeExec;
    event->scope = BPF_CORE_READ(parent, tgid);
    event->bytes_sent = BPF_CORE_READ(parent, start_boottime);
  }
  if (use) {
    use->is_owner_reported = 1;
  }
  submit(event);
}

// True if the change comes from a system call: the current process then uses the socket. Other
// changes come from packets and timers, which interrupt any process. A reset or a timeout sets
// sk_err before it closes the socket, so a close without an error comes from a system call.
static __always_inline int is_from_system_call(int old, int new, int error) {
  switch (new) {
    case BPF_TCP_SYN_SENT:
    case BPF_TCP_LISTEN:
    case BPF_TCP_FIN_WAIT1:
    case BPF_TCP_LAST_ACK:
      return 1;
    case BPF_TCP_CLOSE:
      return old == BPF_TCP_LISTEN ||
             (error == 0 &&
              (old == BPF_TCP_SYN_SENT || old == BPF_TCP_ESTABLISHED || old == BPF_TCP_CLOSE_WAIT));
    default:
      return 0;
  }
}

static __always_inline void fill_socket(struct event* event, struct tcp_sock* tcp) {
  struct sock* sk = (struct sock*)tcp;
  struct sock_common* common = &sk->__sk_common;
  event->family = common->skc_family;
  event->local_port = bpf_ntohs(((struct inet_sock*)tcp)->inet_sport);  // skc_num is 0 by now
  event->remote_port = bpf_ntohs(common->skc_dport);
  if (event->family == kInet6) {
    __builtin_memcpy(event->local, &common->skc_v6_rcv_saddr, sizeof event->local);
    __builtin_memcpy(event->remote, &common->skc_v6_daddr, sizeof event->remote);
  } else {
    *(__be32*)event->local = common->skc_rcv_saddr;
    *(__be32*)event->remote = common->skc_daddr;
  }
  event->netns = common->skc_net.net->ns.inum;
  event->scope = common->skc_bound_dev_if;
  event->uid = sk->sk_uid.val;
  event->error = sk->sk_err;
  if (common->skc_flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE))) {
    event->flags |= kFinReceived;
  }
  if (common->skc_flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DEAD))) {
    event->flags |= kOrphan;
  }
  event->bytes_sent = tcp->bytes_sent;
  event->bytes_resent = tcp->bytes_retrans;
  event->bytes_received = tcp->bytes_received;
  event->retransmits = tcp->total_retrans;
  event->rtt_8us = tcp->srtt_us;
  event->segments_out = tcp->segs_out;
  event->segments_in = tcp->segs_in;
}

static __always_inline void report_transition(
    struct tcp_sock* tcp, struct socket_use* use, __u64 cookie, int old, int new) {
  struct sock* sk = (struct sock*)tcp;
  const int is_begun = new == BPF_TCP_SYN_SENT || new == BPF_TCP_LISTEN;
  const int is_called = is_from_system_call(old, new, sk->sk_err);
  if (use) {
    use->is_closed = new == BPF_TCP_CLOSE;
    // shutdown(2) of one direction is a use. A close may be that of another holder.
    const int is_shut = is_called && old != BPF_TCP_LISTEN && sk->sk_shutdown == kSendShutdown;
    if (is_begun || (is_shut && !use->user.pid)) {
      set_user(sk, use);
    }
  }
  struct event* event = reserve();
  if (!event) {
    return;
  }
  event->kind = kTransition;
  event->cookie = cookie;
  event->old_state = old;
  event->new_state = new;
  fill_socket(event, tcp);
  if (use && old == BPF_TCP_SYN_SENT && new == BPF_TCP_CLOSE && !event->error) {
    event->error = use->error;
  }
  const __u32 netns = event->netns;
  int is_named = 0;
  if (use) {
    if (use->user.pid && (is_called || use->is_connecting)) {
      name(event, &use->user);
    }
    use->is_connecting = 0;
    event->begun_ns = use->begun_ns;
    event->origin = use->origin;
    use->netns = netns;
    is_named = use->is_owner_reported || event->pid != 0;
    use->is_owner_reported = is_named;
  }
  if (is_begun && is_of_kernel(sk)) {
    event->flags |= kKernelSocket;
    is_named = 1;
  }
  submit(event);
  if (is_called && !is_named) {
    report_closer(use, cookie, netns);
  }
}

// Reports the process that closes the last descriptor of a socket after its peer or a timeout has
// closed it. No earlier event named its owner.
static __always_inline void report_last_closer(struct socket_use* use, __u64 cookie) {
  if (use->is_closed && !use->is_owner_reported) {
    report_closer(use, cookie, use->netns);
  }
}

static __always_inline struct socket_use* begin_use(struct tcp_sock* tcp, int origin) {
  struct socket_use* use = bpf_sk_storage_get(&socket_uses, tcp, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!use) {
    return 0;
  }
  use->begun_ns = bpf_ktime_get_boot_ns();
  use->origin = origin;
  use->user.pid = 0;
  use->user_reports = 0;
  use->is_owner_reported = 0;
  use->is_closed = 0;
  use->is_connecting = 0;
  use->error = 0;
  return use;
}

// Requests state callbacks for this socket, and keeps the flags that other programs have set.
static __always_inline void request_state_callbacks(struct bpf_sock_ops* ops) {
  bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

SEC("sockops")
int netlog_follow(struct bpf_sock_ops* ops) {
  struct bpf_sock* sk = ops->sk;
  struct tcp_sock* tcp = sk ? bpf_skc_to_tcp_sock(sk) : 0;
  if (!tcp) {
    return 1;
  }
  struct socket_use* use;
  switch (ops->op) {
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
      request_state_callbacks(ops);
      use = begin_use(tcp, kConnect);
      report_transition(tcp, use, bpf_get_socket_cookie(ops), BPF_TCP_CLOSE, BPF_TCP_SYN_SENT);
      break;
    case BPF_SOCK_OPS_TCP_LISTEN_CB:
      request_state_callbacks(ops);
      use = begin_use(tcp, kListen);
      report_transition(tcp, use, bpf_get_socket_cookie(ops), BPF_TCP_CLOSE, BPF_TCP_LISTEN);
      break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
      // A simultaneous open comes here, too. The state change itself is reported below.
      request_state_callbacks(ops);
      if (!bpf_sk_storage_get(&socket_uses, tcp, 0, 0)) {
        begin_use(tcp, kAccept);
      }
      bpf_get_socket_cookie(ops);  // the TIME_WAIT minisock keeps a cookie that exists by now
      break;
    case BPF_SOCK_OPS_STATE_CB:
      // Reported by the other callbacks: a socket that connects again has no port yet.
      if (ops->args[0] == BPF_TCP_CLOSE) {
        break;
      }
      use = bpf_sk_storage_get(&socket_uses, tcp, 0, 0);
      // A child inherits its listener's callback flags. A failed handshake is no connection.
      if (use || ops->args[0] != BPF_TCP_SYN_RECV || ops->args[1] != BPF_TCP_CLOSE) {
        report_transition(tcp, use, bpf_get_socket_cookie(ops), ops->args[0], ops->args[1]);
      }
      break;
    default:
      break;
  }
  return 1;
}

SEC("cgroup/sock_create")
int netlog_create(struct bpf_sock* sk) {
  if ((sk->family != kInet && sk->family != kInet6) || sk->type != kDatagram) {
    return 1;
  }
  struct event* event = reserve();
  if (event) {
    struct task_struct* task = bpf_get_current_task_btf();
    event->kind = kUdpSocketCreated;
    event->cookie = bpf_get_socket_cookie(sk);
    event->netns = task->nsproxy->net_ns->ns.inum;
    name_current(event);
    submit(event);
  }
  return 1;
}

SEC("cgroup/sock_release")
int netlog_release(struct bpf_sock* sk) {
  struct socket_use* use = bpf_sk_storage_get(&socket_uses, sk, 0, 0);
  if (use) {
    report_last_closer(use, bpf_get_socket_cookie(sk));
  }
  return 1;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(netlog_changes, struct sock* sk, int old, int new) {
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  // A child that leaves LISTEN has no ports and no cookie yet.
  if (!tcp || (old == BPF_TCP_LISTEN && new == BPF_TCP_SYN_RECV)) {
    return 0;
  }
  struct socket_use* use = bpf_sk_storage_get(&socket_uses, tcp, 0, 0);
  if (new == BPF_TCP_SYN_SENT) {
    use = begin_use(tcp, kConnect);
    if (use && !sk->__sk_common.skc_num) {
      // The kernel chooses the port after this: report the process with the next change.
      bpf_get_socket_cookie(sk);
      set_user(sk, use);
      use->is_connecting = 1;
      return 0;
    }
  } else if (new == BPF_TCP_LISTEN) {
    use = begin_use(tcp, kListen);
  } else if (old == BPF_TCP_SYN_SENT && new == BPF_TCP_CLOSE && !tcp->segs_out) {
    return 0;  // no port was left, or its tuple is in use: no connection
  } else if (!use && old == BPF_TCP_SYN_RECV) {
    if (new == BPF_TCP_CLOSE) {
      return 0;
    }
    use = begin_use(tcp, kAccept);
  }
  report_transition(tcp, use, bpf_get_socket_cookie(sk), old, new);
  return 0;
}

// An ICMP message can answer a SYN before connect(2) has returned. The process reads the error,
// and closes a socket that has none any more.
SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(netlog_error, const struct sock* sk) {
  if (sk->__sk_common.skc_state != BPF_TCP_SYN_SENT) {
    return 0;
  }
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock((void*)sk);
  struct socket_use* use = tcp ? bpf_sk_storage_get(&socket_uses, tcp, 0, 0) : 0;
  if (!use) {
    return 0;
  }
  if (sk->sk_err) {
    use->error = sk->sk_err;
  } else if (sk->sk_error_queue.qlen) {
    // In connect(2) the kernel queues the message, and sets sk_err_soft after this.
    struct sk_buff* last = sk->sk_error_queue.prev;
    struct sock_exterr_skb* message = (struct sock_exterr_skb*)last->cb;
    int origin = BPF_CORE_READ(message, ee.ee_origin);
    if (origin == kIcmp || origin == kIcmp6) {
      use->error = BPF_CORE_READ(message, ee.ee_errno);
    }
  }
  return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(netlog_destroy, struct sock* sk) {
  struct socket_use* use = bpf_sk_storage_get(&socket_uses, sk, 0, 0);
  if (use) {
    report_last_closer(use, bpf_get_socket_cookie(sk));
  }
  return 0;
}
