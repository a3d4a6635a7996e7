// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copies messages to and from port 53 of a peer. docs/capture-format.md has the layout.

enum { kDnsPort = 53, kDnsHeader = 80, kMaxDnsBytes = 1232 };
// Most messages are small. What one takes in the buffer is the next of these sizes.
enum { kSmallDnsBytes = 112, kMiddleDnsBytes = 368 };
enum { kDnsSent = 1, kDnsTcp = 2 };  // flags of a message

struct dns_message {
  __u64 at_ns;  // boot clock
  __u64 cookie;
  __u32 netns;
  __u32 scope;
  __u32 size;
  __u32 whole;
  __u8 server[16];
  __u16 server_port;
  __u8 family;
  __u8 flags;
  __u32 pid;  // 0: it is received, or of TCP
  __u64 process_start_ns;
  char comm[16];
  __u8 payload[kMaxDnsBytes];
};

_Static_assert(sizeof(struct dns_message) == kDnsHeader + kMaxDnsBytes, "docs/capture-format.md");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 22);
} dns_messages SEC(".maps");

// Messages for which there was no room.
__u64 dns_lost = 0;

// A datagram is sent by the process that has called the kernel. A segment of TCP may be sent by a
// timer, or when an acknowledgment comes.
static __always_inline void set_sender(struct dns_message* message, int flags) {
  if (flags != kDnsSent) {
    message->pid = 0;
    message->process_start_ns = 0;
    __builtin_memset(message->comm, 0, sizeof message->comm);
    return;
  }
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  message->pid = BPF_CORE_READ(task, tgid);
  message->process_start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
  BPF_CORE_READ_INTO(&message->comm, task, group_leader, comm);
}

// @param at where the message begins in the packet
// @param room a constant: how much of the message there is room for
static __always_inline void copy_into(struct __sk_buff* skb,
                                      struct bpf_sock* sk,
                                      const struct flow_key* key,
                                      int flags,
                                      __u32 at,
                                      const __u64 room) {
  const __u64 whole = skb->len - at;
  struct dns_message* message = bpf_ringbuf_reserve(&dns_messages, kDnsHeader + room, 0);
  if (!message) {
    __sync_fetch_and_add(&dns_lost, 1);
    return;
  }
  // The verifier wants to see that the size is neither zero nor too large, and forgets what is
  // compared in another register. Behind the barriers the compiler knows nothing.
  __u64 last = whole < room ? whole - 1 : room - 1;
  asm volatile("" : "+r"(last));
  if (last > room - 1) {
    bpf_ringbuf_discard(message, BPF_RB_NO_WAKEUP);
    return;
  }
  asm volatile("" : "+r"(last));
  const __u64 size = last + 1;
  if (bpf_skb_load_bytes(skb, at, message->payload, size)) {
    bpf_ringbuf_discard(message, BPF_RB_NO_WAKEUP);
    return;
  }
  message->at_ns = bpf_ktime_get_boot_ns();
  message->cookie = key->cookie;
  message->netns = BPF_CORE_READ(address_of(sk), __sk_common.skc_net.net, ns.inum);
  message->scope = skb->ifindex;
  message->size = size;
  message->whole = whole;
  copy_address(message->server, key->remote);
  message->server_port = kDnsPort;
  message->family = key->family;
  message->flags = flags;
  set_sender(message, flags);
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
}

// @param at where the message begins in the packet
static __always_inline void copy_dns(
    struct __sk_buff* skb, struct bpf_sock* sk, const struct flow_key* key, int flags, __u32 at) {
  if (skb->len <= at) {
    return;
  }
  const __u32 whole = skb->len - at;
  if (whole <= kSmallDnsBytes) {
    copy_into(skb, sk, key, flags, at, kSmallDnsBytes);
  } else if (whole <= kMiddleDnsBytes) {
    copy_into(skb, sk, key, flags, at, kMiddleDnsBytes);
  } else {
    copy_into(skb, sk, key, flags, at, kMaxDnsBytes);
  }
}

// Where the payload of a TCP segment begins; 0: there is none, or it has headers that are rare.
static __always_inline __u32 find_tcp_payload(struct __sk_buff* skb) {
  __u8 first = 0;
  if (bpf_skb_load_bytes(skb, 0, &first, 1)) {
    return 0;
  }
  const __u32 header = first >> 4 == 4 ? (first & 15) * 4 : kIpv6Header;
  __u8 offset = 0;
  if (bpf_skb_load_bytes(skb, header + 12, &offset, 1)) {
    return 0;
  }
  const __u32 at = header + (offset >> 4) * 4;
  return skb->len > at ? at : 0;
}

// A query and its answer are each one segment as a rule.
static __always_inline void copy_dns_of_tcp(
    struct __sk_buff* skb, struct bpf_sock* sk, int is_sent) {
  const __u32 at = find_tcp_payload(skb);
  if (!at) {
    return;
  }
  struct flow_key key = {};
  key.family = sk->family;
  key.cookie = bpf_get_socket_cookie(skb);
  read_tuple(sk, &key);
  copy_dns(skb, sk, &key, kDnsTcp | (is_sent ? kDnsSent : 0), at);
}
