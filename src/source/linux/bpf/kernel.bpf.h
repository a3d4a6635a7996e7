// SPDX-License-Identifier: GPL-2.0-only OR MIT
#pragma once

#include <linux/types.h>

// The members that we read of the kernel's structures. The loader looks up their offsets (CO-RE).
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
  volatile unsigned char skc_state;
  int skc_bound_dev_if;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned long skc_flags;
};
struct sk_buff {
  char cb[48];
};
struct sk_buff_head {
  struct sk_buff* prev;
  __u32 qlen;
};
struct sock_extended_err {
  __u32 ee_errno;
  __u8 ee_origin;
};
struct sock_exterr_skb {
  struct sock_extended_err ee;
};
struct sock {
  struct sock_common __sk_common;
  struct sk_buff_head sk_error_queue;
  int sk_err;
  kuid_t sk_uid;
  __u16 sk_protocol;
  __u8 sk_shutdown;
  __u8 sk_kern_sock : 1;
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
  _Bool is_mptcp;
};
enum sock_flags { SOCK_DEAD = 0, SOCK_DONE = 1 };
struct nsproxy {
  struct net* net_ns;
};
typedef struct {
  int counter;
} atomic_t;
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  unsigned int flags;
};
struct cred {
  kuid_t euid;
};
struct task_struct {
  unsigned int flags;
  int tgid;
  int exit_code;
  unsigned int in_execve : 1;
  __u64 start_boottime;
  __u64 self_exec_id;
  struct task_struct* group_leader;
  struct task_struct* real_parent;
  struct mm_struct* mm;
  void* vfork_done;
  const struct cred* cred;
  struct nsproxy* nsproxy;
  struct signal_struct* signal;
  struct css_set* cgroups;
  char comm[16];
};
#pragma clang attribute pop

enum { kInet = 2, kInet6 = 10 };  // address families
enum { kTcp = 6, kUdp = 17 };     // IANA protocol numbers
