// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Counts what each UDP socket exchanges with each peer: datagrams and their payload. Copies messages
// of DNS (dns.bpf.h). It runs for every packet at the sockets of the cgroup2 hierarchy; packets of
// other protocols cost a look at their socket. docs/capture-format.md has the layout of a flow.
//
// A send is counted when the kernel has made a packet of it, before the packet is cut into
// segments or fragments. A datagram is received when its socket takes it, before its filter and
// before there is room in its queue.
#include <linux/types.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum { kEstablished = 1 };
enum { kHopByHop = 0, kRouting = 43, kFragment = 44, kDestination = 60 };
enum { kIpv4Header = 20, kIpv6Header = 40, kUdpHeader = 8, kMaxExtensions = 6 };
enum { kSentFirst = 1, kConnected = 2, kManyPeers = 4 };  // flags of a flow
enum { kMaxFlows = 16384, kMaxSockets = 1024 };

struct flow {
  __u64 first_ns;  // boot clock
  __u64 last_ns;
  __u64 cookie;
  __u64 bytes_sent;
  __u64 bytes_received;
  __u64 datagrams_sent;
  __u64 datagrams_received;
  __u32 netns;
  __u32 scope;
  __u32 uid;
  __u16 local_port;
  __u16 remote_port;
  __u8 family;
  __u8 flags;
  __u8 local[16];
  __u8 remote[16];
  __u8 padding[6];
};

_Static_assert(sizeof(struct flow) == 112, "docs/capture-format.md");

struct flow_key {
  __u64 cookie;
  __u8 local[16];
  __u8 remote[16];
  __be16 remote_port;
  __u8 family;
  __u8 padding[5];
};

// Two of each: while the programs count in one, user space reads the other and empties it. What
// they count is never read while they count it.
struct flows {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, kMaxFlows);
  __type(key, struct flow_key);
  __type(value, struct flow);
};
struct flows flows0 SEC(".maps");
struct flows flows1 SEC(".maps");

// When `flows` is full: what a socket exchanges with peers that have no flow.
struct rests {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, kMaxSockets);
  __type(key, __u64);
  __type(value, struct flow);
};
struct rests rests0 SEC(".maps");
struct rests rests1 SEC(".maps");

// The flow of a connected socket that is closed: it is reported before the end of the socket.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} closed SEC(".maps");

// The address that the program named in the call under way on this processor. The packet can have
// another one: netfilter translates it.
struct named_peer {
  __u64 task;
  __u64 cookie;
  __u8 remote[16];
  __be16 remote_port;
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct named_peer);
} named_peers SEC(".maps");

// What is wanted. User space sets it before the programs are loaded.
const volatile __u32 counts_flows = 1;
const volatile __u32 copies_dns = 1;

// Which of the two maps the programs count in. User space sets it.
volatile __u32 counting = 0;
// Datagrams for which no map had room.
__u64 lost = 0;

// A socket of IPv6 has the addresses of IPv4 behind ::ffff:0:0/96.
static __always_inline void set_ipv4(__u8* address, int family, __be32 ipv4) {
  __u32* words = (__u32*)address;
  if (family == kInet) {
    words[0] = ipv4;
  } else {
    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = ipv4;
  }
}

// The address of a socket as a number, with which the verifier allows sums.
static __always_inline struct sock* address_of(void* sk) {
  void* pointer = sk;
  struct sock* address = 0;
  bpf_probe_read_kernel(&address, sizeof address, &pointer);
  return address;
}

static __always_inline void copy_address(__u8* to, const __u8* from) {
  __builtin_memcpy(to, from, 16);
}

// Where the UDP header of a packet of IPv6 is, behind the headers of its options. 0: there is none.
static __always_inline int find_udp(struct __sk_buff* skb, __u8 next) {
  int header = kIpv6Header;
  for (int i = 0; i < kMaxExtensions && next != kUdp; ++i) {
    __u8 extension[2];
    if (bpf_skb_load_bytes(skb, header, extension, 2)) {
      return 0;
    }
    const int is_fragment = next == kFragment;
    if (next != kHopByHop && next != kRouting && next != kDestination && !is_fragment) {
      return 0;
    }
    header += is_fragment ? 8 : (extension[1] + 1) * 8;
    next = extension[0];
  }
  return next == kUdp ? header : 0;
}

// Where the UDP header is. Sets the addresses as the socket's family has them, and the peer's port.
// 0: not a UDP packet.
static __always_inline int read_packet(struct __sk_buff* skb, int is_sent, struct flow_key* key) {
  const __u8* packet = (void*)(long)skb->data;
  const void* end = (void*)(long)skb->data_end;
  if ((const void*)(packet + kIpv4Header + kUdpHeader) > end) {
    return 0;  // the kernel has made room for what it reads itself
  }
  int header = 0;
  if (packet[0] >> 4 == 4) {
    header = (packet[0] & 15) * 4;
    set_ipv4(key->local, key->family, *(const __u32*)(packet + (is_sent ? 12 : 16)));
    set_ipv4(key->remote, key->family, *(const __u32*)(packet + (is_sent ? 16 : 12)));
    if (header == kIpv4Header) {
      key->remote_port = *(const __be16*)(packet + kIpv4Header + (is_sent ? 2 : 0));
      return header;
    }
  } else if (packet[0] >> 4 == 6) {
    if ((const void*)(packet + kIpv6Header + kUdpHeader) > end) {
      return 0;
    }
    copy_address(key->local, packet + (is_sent ? 8 : 24));
    copy_address(key->remote, packet + (is_sent ? 24 : 8));
    if (packet[6] == kUdp) {
      key->remote_port = *(const __be16*)(packet + kIpv6Header + (is_sent ? 2 : 0));
      return kIpv6Header;
    }
    header = find_udp(skb, packet[6]);
  }
  return header && !bpf_skb_load_bytes(skb, header + (is_sent ? 2 : 0), &key->remote_port, 2)
             ? header
             : 0;
}

// Each member is read by an instruction of its own: the verifier allows no sum with such a pointer.
static __always_inline void read_tuple(const volatile struct bpf_sock* sk, struct flow_key* tuple) {
  __u32* local = (__u32*)tuple->local;
  __u32* remote = (__u32*)tuple->remote;
  tuple->remote_port = sk->dst_port;
  if (tuple->family == kInet) {
    local[0] = sk->src_ip4;
    remote[0] = sk->dst_ip4;
    return;
  }
  local[0] = sk->src_ip6[0];
  local[1] = sk->src_ip6[1];
  local[2] = sk->src_ip6[2];
  local[3] = sk->src_ip6[3];
  remote[0] = sk->dst_ip6[0];
  remote[1] = sk->dst_ip6[1];
  remote[2] = sk->dst_ip6[2];
  remote[3] = sk->dst_ip6[3];
}

// Sets what the program knows, where netfilter may have translated the addresses of the packet: the
// peer that it named in this call, or the addresses of a connected socket.
// Returns whether the peer is that of the connected socket.
static __always_inline int set_known_peer(struct bpf_sock* sk, int is_sent, struct flow_key* key) {
  struct flow_key tuple = {};
  tuple.cookie = key->cookie;
  tuple.family = key->family;
  const int is_connected = sk->state == kEstablished;
  if (is_connected) {
    read_tuple(sk, &tuple);
  }
  if (is_sent) {
    const __u32 zero = 0;
    struct named_peer* named = bpf_map_lookup_elem(&named_peers, &zero);
    if (named && named->cookie == key->cookie && named->task == bpf_get_current_task()) {
      named->cookie = 0;
      __builtin_memcpy(key->remote, named->remote, sizeof key->remote);
      key->remote_port = named->remote_port;
      const __u64* is = (const __u64*)key->remote;
      const __u64* of_socket = (const __u64*)tuple.remote;
      if (!is_connected || key->remote_port != tuple.remote_port || is[0] != of_socket[0] ||
          is[1] != of_socket[1]) {
        return 0;
      }
    }
  }
  if (is_connected) {
    *key = tuple;
  }
  return is_connected;
}

static __always_inline void add(
    struct flow* flow, __u64 now_ns, int is_sent, __u64 bytes, __u64 datagrams) {
  flow->last_ns = now_ns;
  if (is_sent) {
    __sync_fetch_and_add(&flow->bytes_sent, bytes);
    __sync_fetch_and_add(&flow->datagrams_sent, datagrams);
  } else {
    __sync_fetch_and_add(&flow->bytes_received, bytes);
    __sync_fetch_and_add(&flow->datagrams_received, datagrams);
  }
}

#include "dns.bpf.h"

static __always_inline int count(struct __sk_buff* skb, int is_sent) {
  struct bpf_sock* sk = skb->sk;
  if (!sk) {
    return 1;
  }
  sk = bpf_sk_fullsock(sk);
  if (!sk) {
    return 1;
  }
  if (sk->protocol != kUdp) {
    if (copies_dns && sk->protocol == kTcp && sk->dst_port == bpf_htons(kDnsPort)) {
      copy_dns_of_tcp(skb, sk, is_sent);
    }
    return 1;
  }
  struct flow_key key = {};
  key.family = sk->family;
  const int header = read_packet(skb, is_sent, &key);
  if (!header) {
    return 1;
  }
  key.cookie = bpf_get_socket_cookie(skb);
  const int connected = set_known_peer(sk, is_sent, &key);
  if (copies_dns && key.remote_port == bpf_htons(kDnsPort)) {
    copy_dns(skb, sk, &key, is_sent ? kDnsSent : 0, header + kUdpHeader);
  }
  if (!counts_flows) {
    return 1;
  }
  const __u64 bytes = skb->len - header - kUdpHeader;
  const __u64 datagrams = skb->gso_segs ? skb->gso_segs : 1;
  const __u64 now_ns = bpf_ktime_get_boot_ns();
  const int second = counting != 0;
  struct flow* flow =
      second ? bpf_map_lookup_elem(&flows1, &key) : bpf_map_lookup_elem(&flows0, &key);
  if (!flow) {
    struct flow fresh = {};
    fresh.first_ns = now_ns;
    fresh.cookie = key.cookie;
    struct sock* address = address_of(sk);
    fresh.netns = BPF_CORE_READ(address, __sk_common.skc_net.net, ns.inum);
    fresh.uid = BPF_CORE_READ(address, sk_uid.val);
    fresh.scope = skb->ifindex;
    fresh.local_port = sk->src_port;
    fresh.remote_port = bpf_ntohs(key.remote_port);
    fresh.family = key.family;
    fresh.flags = (is_sent ? kSentFirst : 0) | (connected ? kConnected : 0);
    __builtin_memcpy(fresh.local, key.local, sizeof fresh.local);
    __builtin_memcpy(fresh.remote, key.remote, sizeof fresh.remote);
    if (second) {
      bpf_map_update_elem(&flows1, &key, &fresh, BPF_NOEXIST);
      flow = bpf_map_lookup_elem(&flows1, &key);
    } else {
      bpf_map_update_elem(&flows0, &key, &fresh, BPF_NOEXIST);
      flow = bpf_map_lookup_elem(&flows0, &key);
    }
    if (!flow) {
      fresh.flags = kManyPeers;
      if (second) {
        bpf_map_update_elem(&rests1, &key.cookie, &fresh, BPF_NOEXIST);
        flow = bpf_map_lookup_elem(&rests1, &key.cookie);
      } else {
        bpf_map_update_elem(&rests0, &key.cookie, &fresh, BPF_NOEXIST);
        flow = bpf_map_lookup_elem(&rests0, &key.cookie);
      }
    }
  }
  if (flow) {
    add(flow, now_ns, is_sent, bytes, datagrams);
  } else {
    __sync_fetch_and_add(&lost, datagrams);
  }
  return 1;
}

SEC("cgroup_skb/egress")
int netlog_udp_out(struct __sk_buff* skb) {
  return count(skb, 1);
}

SEC("cgroup_skb/ingress")
int netlog_udp_in(struct __sk_buff* skb) {
  return count(skb, 0);
}

static __always_inline struct named_peer* name_peer(struct bpf_sock_addr* call) {
  const __u32 zero = 0;
  struct named_peer* named = bpf_map_lookup_elem(&named_peers, &zero);
  if (named) {
    named->task = bpf_get_current_task();
    named->cookie = bpf_get_socket_cookie(call);
    named->remote_port = call->user_port;
  }
  return named;
}

SEC("cgroup/sendmsg4")
int netlog_udp_send4(struct bpf_sock_addr* call) {
  struct named_peer* named = name_peer(call);
  if (named) {
    struct bpf_sock* sk = call->sk;
    __builtin_memset(named->remote, 0, sizeof named->remote);
    set_ipv4(named->remote, sk ? sk->family : kInet, call->user_ip4);
  }
  return 1;
}

SEC("cgroup/sendmsg6")
int netlog_udp_send6(struct bpf_sock_addr* call) {
  struct named_peer* named = name_peer(call);
  if (named) {
    __u32* remote = (__u32*)named->remote;
    remote[0] = call->user_ip6[0];
    remote[1] = call->user_ip6[1];
    remote[2] = call->user_ip6[2];
    remote[3] = call->user_ip6[3];
  }
  return 1;
}

// Reports what was counted of a flow and not been read yet. Where two read it at once, one of them
// deletes it.
static __always_inline void report(void* flows, const struct flow_key* key) {
  struct flow* flow = bpf_map_lookup_elem(flows, key);
  if (!flow) {
    return;
  }
  struct flow* copy = bpf_ringbuf_reserve(&closed, sizeof *copy, 0);
  if (!copy) {
    return;  // it is read with the others
  }
  __builtin_memcpy(copy, flow, sizeof *copy);
  if (bpf_map_delete_elem(flows, key) == 0) {
    bpf_ringbuf_submit(copy, BPF_RB_NO_WAKEUP);
  } else {
    bpf_ringbuf_discard(copy, BPF_RB_NO_WAKEUP);
  }
}

SEC("cgroup/sock_release")
int netlog_udp_release(struct bpf_sock* sk) {
  if (!counts_flows || sk->protocol != kUdp || sk->state != kEstablished) {
    return 1;
  }
  struct sock* address = address_of(sk);
  struct flow_key key = {};
  key.cookie = bpf_get_socket_cookie(sk);
  key.family = sk->family;
  key.remote_port = BPF_CORE_READ(address, __sk_common.skc_dport);
  if (key.family == kInet) {
    *(__u32*)key.local = BPF_CORE_READ(address, __sk_common.skc_rcv_saddr);
    *(__u32*)key.remote = BPF_CORE_READ(address, __sk_common.skc_daddr);
  } else {
    BPF_CORE_READ_INTO(&key.local, address, __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO(&key.remote, address, __sk_common.skc_v6_daddr);
  }
  if (counting != 0) {  // the older ones first
    report(&flows0, &key);
    report(&flows1, &key);
  } else {
    report(&flows1, &key);
    report(&flows0, &key);
  }
  return 1;
}
