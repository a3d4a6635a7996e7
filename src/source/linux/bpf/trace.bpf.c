// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Tells every TCP state change with its socket, and with its process where the context names it.
// The layout of what it sends is in docs/capture-format.md; user space copies it and looks at
// nothing but `pid`.
//
// Two variants share everything but their hooks. sock_ops with the cgroup socket hooks misses
// nothing, but needs a cgroup2 mount; tp_btf needs none, but the kernel skips an invocation that
// nests in another one of the same program on the same CPU.
#include <linux/types.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

// The kernel lets only GPL-compatible programs use some helpers.
char LICENSE[] SEC("license") = "Dual MIT/GPL";

// What we read of the kernel's structures; the loader finds out where each member is.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
typedef struct {
  unsigned int val;
} kuid_t;
struct in6_addr {
  __u8 bytes[16];
};
struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  unsigned short skc_family;
  int skc_bound_dev_if;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned long skc_flags;
};
struct sock {
  struct sock_common __sk_common;
  int sk_err;
  kuid_t sk_uid;
};
struct inet_sock {
  __be16 inet_sport;
};
struct tcp_sock {
  __u64 bytes_received;
  __u64 bytes_sent;
  __u64 bytes_retrans;
  __u32 total_retrans;
  __u32 srtt_us;
  __u32 segs_in;
  __u32 segs_out;
};
enum sock_flags { SOCK_DEAD = 0, SOCK_DONE = 1 };
struct nsproxy {
  struct net* net_ns;
};
struct task_struct {
  unsigned int flags;
  int tgid;
  __u64 start_boottime;
  struct task_struct* group_leader;
  struct nsproxy* nsproxy;
  char comm[16];
};
#pragma clang attribute pop

enum { kInet = 2, kInet6 = 10, kDatagram = 2, kKernelThread = 0x00200000 };
enum { kTransition = 1, kOwner = 2, kBirth = 3 };
enum { kUnknownOrigin = 0, kConnect = 1, kListen = 2, kAccept = 3 };
enum { kFinReceived = 1, kOrphan = 2 };

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

// What is remembered with a socket, for this use of it.
struct life {
  __u64 begun_ns;
  struct caller untold;  // who connects, where the connect could not be told
  __u32 netns;
  __u8 origin;
  __u8 owner_told;
  __u8 closed;
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct life);
} lives SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 24);  // the loader sets it
} events SEC(".maps");

// Events that found no room; user space maps it.
__u64 lost = 0;

// A process that is never named; the loader sets it.
const volatile int bystander = 0;

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

// Nobody is woken: the reader comes by every few milliseconds, and a wake-up costs five times what
// the event does.
static __always_inline void submit(struct event* event) {
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

// The process that runs; nothing for the kernel's own threads and the bystander.
static __always_inline int current_caller(struct caller* caller) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (task->flags & kKernelThread) {
    return 0;
  }
  struct task_struct* leader = task->group_leader;
  if (leader->tgid == bystander) {
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

// The process that runs is the socket's own where the change comes of its system call. The rest
// comes of packets and timers, which run on whatever process is there. A reset or a timeout leaves
// an error before it closes; a close that finds none was asked for.
static __always_inline int comes_of_its_process(int old, int new, int error) {
  switch (new) {
    case BPF_TCP_SYN_SENT:
    case BPF_TCP_LISTEN:
    case BPF_TCP_FIN_WAIT1:
    case BPF_TCP_LAST_ACK:
      return 1;
    case BPF_TCP_CLOSE:
      return old == BPF_TCP_LISTEN ||
             (error == 0 && (old == BPF_TCP_SYN_SENT || old == BPF_TCP_ESTABLISHED ||
                             old == BPF_TCP_CLOSE_WAIT));
    default:
      return 0;
  }
}

static __always_inline void fill_socket(struct event* event, struct tcp_sock* tcp) {
  struct sock* sk = (struct sock*)tcp;
  struct sock_common* common = &sk->__sk_common;
  event->family = common->skc_family;
  event->local_port = bpf_ntohs(((struct inet_sock*)tcp)->inet_sport);  // skc_num is 0 once closed
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

static __always_inline void tell_transition(struct tcp_sock* tcp,
                                            struct life* life,
                                            __u64 cookie,
                                            int old,
                                            int new) {
  if (life) {
    life->closed = new == BPF_TCP_CLOSE;
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
  if (comes_of_its_process(old, new, event->error)) {
    name_current(event);
  } else if (life && life->untold.pid) {
    name(event, &life->untold);
    life->untold.pid = 0;
  }
  if (life) {
    event->begun_ns = life->begun_ns;
    event->origin = life->origin;
    life->netns = event->netns;
    life->owner_told = life->owner_told || event->pid != 0;
  }
  submit(event);
}

// The owner of an accepted socket that nobody closed before the peer had: known when it lets go.
static __always_inline void tell_late_owner(struct life* life, __u64 cookie) {
  if (!life->closed || life->owner_told) {
    return;
  }
  struct event* event = reserve();
  if (!event) {
    return;
  }
  event->kind = kOwner;
  event->cookie = cookie;
  event->netns = life->netns;
  name_current(event);
  life->owner_told = 1;
  submit(event);
}

static __always_inline struct life* begin_life(struct tcp_sock* tcp, int origin) {
  struct life* life = bpf_sk_storage_get(&lives, tcp, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!life) {
    return 0;
  }
  life->begun_ns = bpf_ktime_get_boot_ns();
  life->origin = origin;
  life->untold.pid = 0;
  life->owner_told = 0;
  life->closed = 0;
  return life;
}

// A socket that can be connected again after it was closed begins a new life.
// Others may have asked for callbacks of theirs.
static __always_inline void ask_for_changes(struct bpf_sock_ops* ops) {
  bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

SEC("sockops")
int netlog_follow(struct bpf_sock_ops* ops) {
  struct bpf_sock* sk = ops->sk;
  struct tcp_sock* tcp = sk ? bpf_skc_to_tcp_sock(sk) : 0;
  if (!tcp) {
    return 1;
  }
  struct life* life;
  switch (ops->op) {
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
      ask_for_changes(ops);
      life = begin_life(tcp, kConnect);
      tell_transition(tcp, life, bpf_get_socket_cookie(ops), BPF_TCP_CLOSE, BPF_TCP_SYN_SENT);
      break;
    case BPF_SOCK_OPS_TCP_LISTEN_CB:
      ask_for_changes(ops);
      life = begin_life(tcp, kListen);
      tell_transition(tcp, life, bpf_get_socket_cookie(ops), BPF_TCP_CLOSE, BPF_TCP_LISTEN);
      break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
      // A connect that crosses the peer's ends here, too. The change itself follows.
      ask_for_changes(ops);
      if (!bpf_sk_storage_get(&lives, tcp, 0, 0)) {
        begin_life(tcp, kAccept);
      }
      bpf_get_socket_cookie(ops);  // its rest in TIME_WAIT keeps a cookie that there is already
      break;
    case BPF_SOCK_OPS_STATE_CB:
      // What begins, begins above: a socket that is connected again has no port yet.
      if (ops->args[0] == BPF_TCP_CLOSE) {
        break;
      }
      life = bpf_sk_storage_get(&lives, tcp, 0, 0);
      // A child inherits our wish from its listener; one that comes to nothing is no connection.
      if (life || ops->args[0] != BPF_TCP_SYN_RECV || ops->args[1] != BPF_TCP_CLOSE) {
        tell_transition(tcp, life, bpf_get_socket_cookie(ops), ops->args[0], ops->args[1]);
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
    event->kind = kBirth;
    event->cookie = bpf_get_socket_cookie(sk);
    event->netns = task->nsproxy->net_ns->ns.inum;
    name_current(event);
    submit(event);
  }
  return 1;
}

SEC("cgroup/sock_release")
int netlog_release(struct bpf_sock* sk) {
  struct life* life = bpf_sk_storage_get(&lives, sk, 0, 0);
  if (life) {
    tell_late_owner(life, bpf_get_socket_cookie(sk));
  }
  return 1;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(netlog_changes, struct sock* sk, int old, int new) {
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  // A child that leaves LISTEN has neither its ports nor its cookie yet.
  if (!tcp || (old == BPF_TCP_LISTEN && new == BPF_TCP_SYN_RECV)) {
    return 0;
  }
  struct life* life = bpf_sk_storage_get(&lives, tcp, 0, 0);
  if (new == BPF_TCP_SYN_SENT) {
    life = begin_life(tcp, kConnect);
    if (life && !sk->__sk_common.skc_num) {
      // The port is chosen after this.
      bpf_get_socket_cookie(sk);
      current_caller(&life->untold);
      return 0;
    }
  } else if (new == BPF_TCP_LISTEN) {
    life = begin_life(tcp, kListen);
  } else if (!life && old == BPF_TCP_SYN_RECV) {
    if (new == BPF_TCP_CLOSE) {
      return 0;
    }
    life = begin_life(tcp, kAccept);
  }
  tell_transition(tcp, life, bpf_get_socket_cookie(sk), old, new);
  return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(netlog_destroy, struct sock* sk) {
  struct life* life = bpf_sk_storage_get(&lives, sk, 0, 0);
  if (life) {
    tell_late_owner(life, bpf_get_socket_cookie(sk));
  }
  return 0;
}
