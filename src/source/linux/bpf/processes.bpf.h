// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Describes the processes that use sockets: when they use one first, when they execute another
// program or change their user afterwards, and when they end. What is read here is true at that
// moment, so a process that lives for a millisecond is known whole. Other processes cost one lookup
// for each exec and exit. Included by trace.bpf.c, which has the kernel's structures and `events`.
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct hlist_bl_node {
  struct hlist_bl_node** pprev;
};
struct qstr {
  const unsigned char* name;
};
struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry* d_parent;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct file {
  struct path f_path;
};
struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file* exe_file;
};
struct kernfs_node {
  struct kernfs_node* __parent;
  const char* name;
};
struct cgroup_root;
struct cgroup {
  struct kernfs_node* kn;
  struct cgroup_root* root;
};
struct cgroup_subsys_state {
  struct cgroup* cgroup;
};
struct css_set {
  struct cgroup_subsys_state* subsys[12];
  struct cgroup* dfl_cgrp;
};
enum cgroup_subsys_id { memory_cgrp_id = 4, pids_cgrp_id = 11 };
#pragma clang attribute pop

enum { kExiting = 0x4, kForkedOnly = 0x40, kSignalGroupExit = 0x4 };
enum { kImage = 1, kExit = 2 };
enum { kFirstUse = 0, kExecuted = 1, kUserChanged = 2 };
enum { kExeDeleted = 1 };
enum { kMaxParts = 32, kMaxName = 256, kMaxArguments = 4095, kMaxText = 8192, kTextBytes = 16384 };

// Its size distinguishes it from `struct event`. The layout of the text: the names of the
// executable's path, the last one first, each with a NUL; the arguments; the names of the cgroups
// in hierarchy 2, `pids` and `memory` of version 1, likewise.
struct process_record {
  __u64 at_ns;  // boot clock
  __u64 start_ns;
  __u32 kind;
  __u32 pid;
  __u32 parent_pid;
  __u32 uid;  // effective
  __u32 why;  // of an image; the status of an exit, as wait(2) has it
  __u32 flags;
  char comm[16];
  __u32 exe_bytes;
  __u32 argument_bytes;
  __u32 cgroup_bytes[3];
  __u32 text_bytes;
  __u64 reserved[10];  // longer than an event
};

_Static_assert(sizeof(struct process_record) == 160, "src/source/linux/traced_processes.cpp");

struct image_buffer {
  struct process_record head;
  char text[kTextBytes];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct image_buffer);
} image_buffers SEC(".maps");

// What was last reported of a process. User space adds those that it has read itself, with a start
// of 0.
struct known_process {
  __u64 start_ns;
  __u32 execs;
  __u32 uid;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __type(value, struct known_process);
} known_processes SEC(".maps");

// The functions below are not static, and keep in memory what they count: the verifier then looks
// at each of them once, and has few states to follow.

static __always_inline void append_name(struct image_buffer* buffer, const void* name) {
  __u32 at = buffer->head.text_bytes;
  if (at <= kMaxText - kMaxName) {
    at &= kMaxText - 1;
    const long size = bpf_probe_read_kernel_str(&buffer->text[at], kMaxName, name);
    buffer->head.text_bytes = at + (size > 0 ? (__u32)size : 0);
  }
}

static __always_inline struct image_buffer* image_buffer(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&image_buffers, &zero);
}

// Appends the path of a `struct file`, which leads through mounts to the root of its namespace.
__noinline int append_path(__u64 file_address) {
  struct image_buffer* buffer = image_buffer();
  if (!buffer) {
    return 0;
  }
  struct file* file = (struct file*)file_address;
  struct dentry* entry = BPF_CORE_READ(file, f_path.dentry);
  struct vfsmount* mounted = BPF_CORE_READ(file, f_path.mnt);
  struct mount* mount = (void*)mounted - __builtin_preserve_field_info(((struct mount*)0)->mnt,
                                                                       BPF_FIELD_BYTE_OFFSET);
  for (int i = 0; i < kMaxParts; ++i) {
    struct dentry* parent = BPF_CORE_READ(entry, d_parent);
    if (entry != BPF_CORE_READ(mount, mnt.mnt_root) && entry != parent) {
      append_name(buffer, BPF_CORE_READ(entry, d_name.name));
      entry = parent;
      continue;
    }
    struct mount* above = BPF_CORE_READ(mount, mnt_parent);
    if (above == mount || !above) {
      break;
    }
    entry = BPF_CORE_READ(mount, mnt_mountpoint);
    mount = above;
  }
  return 0;
}

// The member was renamed in Linux 6.15.
struct kernfs_node___before_6_15 {
  struct kernfs_node* parent;
} __attribute__((preserve_access_index));

// Appends the path of a `struct cgroup`.
__noinline int append_cgroup(__u64 address) {
  struct image_buffer* buffer = image_buffer();
  if (!buffer || !address) {
    return 0;
  }
  struct kernfs_node* node = BPF_CORE_READ((struct cgroup*)address, kn);
  for (int i = 0; i < kMaxParts && node; ++i) {
    struct kernfs_node* parent =
        bpf_core_field_exists(struct kernfs_node, __parent)
            ? BPF_CORE_READ(node, __parent)
            : BPF_CORE_READ((struct kernfs_node___before_6_15*)node, parent);
    if (!parent) {
      break;
    }
    append_name(buffer, BPF_CORE_READ(node, name));
    node = parent;
  }
  return 0;
}

// The cgroup of a controller, if it belongs to a hierarchy of version 1.
static __always_inline struct cgroup* cgroup_v1(struct css_set* set, __u32 controller) {
  struct cgroup_subsys_state* state = 0;
  bpf_core_read(&state, sizeof state, &set->subsys[controller & 15]);
  struct cgroup* cgroup = state ? BPF_CORE_READ(state, cgroup) : 0;
  struct cgroup* unified = BPF_CORE_READ(set, dfl_cgrp);
  return cgroup && BPF_CORE_READ(cgroup, root) != BPF_CORE_READ(unified, root) ? cgroup : 0;
}

// Appends the cgroups of the current process.
__noinline int append_cgroups(void) {
  struct image_buffer* buffer = image_buffer();
  if (!buffer) {
    return 0;
  }
  struct css_set* set = BPF_CORE_READ(bpf_get_current_task_btf(), cgroups);
  __u32 before = buffer->head.text_bytes;
  append_cgroup((__u64)BPF_CORE_READ(set, dfl_cgrp));
  buffer->head.cgroup_bytes[0] = buffer->head.text_bytes - before;
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
    before = buffer->head.text_bytes;
    append_cgroup((__u64)cgroup_v1(set, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id)));
    buffer->head.cgroup_bytes[1] = buffer->head.text_bytes - before;
  }
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
    before = buffer->head.text_bytes;
    append_cgroup(
        (__u64)cgroup_v1(set, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)));
    buffer->head.cgroup_bytes[2] = buffer->head.text_bytes - before;
  }
  return 0;
}

// Appends the arguments of the current process, at most kMaxArguments bytes.
__noinline int append_arguments(void) {
  struct image_buffer* buffer = image_buffer();
  struct mm_struct* memory = BPF_CORE_READ(bpf_get_current_task_btf(), mm);
  if (!buffer || !memory) {
    return 0;
  }
  const __u64 begin = BPF_CORE_READ(memory, arg_start);
  __u64 size = BPF_CORE_READ(memory, arg_end) - begin;
  if (size > kMaxArguments) {
    size = kMaxArguments;
  }
  const __u32 at = buffer->head.text_bytes & (kMaxText - 1);
  if (size > 0 && bpf_probe_read_user(&buffer->text[at], size, (void*)begin) == 0) {
    buffer->head.argument_bytes = size;
    buffer->head.text_bytes = at + (__u32)size;
  }
  return 0;
}

// Reports what the current process is. Returns 0 if the buffer is full.
__noinline int report_image(__u32 why) {
  struct image_buffer* buffer = image_buffer();
  if (!buffer) {
    return 0;
  }
  struct task_struct* task = bpf_get_current_task_btf();
  struct task_struct* leader = task->group_leader;
  struct process_record* head = &buffer->head;
  __builtin_memset(head, 0, sizeof *head);
  head->at_ns = bpf_ktime_get_boot_ns();
  head->start_ns = leader->start_boottime;
  head->kind = kImage;
  head->pid = leader->tgid;
  head->parent_pid = BPF_CORE_READ(leader, real_parent, tgid);
  head->uid = BPF_CORE_READ(task, cred, euid.val);
  head->why = why;
  __builtin_memcpy(head->comm, leader->comm, sizeof head->comm);
  struct file* file = BPF_CORE_READ(task, mm, exe_file);
  if (file) {
    append_path((__u64)file);
    head->exe_bytes = head->text_bytes;
    if (!BPF_CORE_READ(file, f_path.dentry, d_hash.pprev)) {
      head->flags = kExeDeleted;
    }
  }
  append_arguments();
  append_cgroups();
  const __u64 size = sizeof *head + (head->text_bytes & (kTextBytes - 1));
  if (bpf_ringbuf_output(&events, buffer, size, BPF_RB_NO_WAKEUP) != 0) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  return 1;
}

// Called when the current process uses a socket that it has not used before.
__noinline int note_process(__u32 pid) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct known_process now = {};
  now.start_ns = task->group_leader->start_boottime;
  now.execs = (__u32)task->self_exec_id;
  now.uid = BPF_CORE_READ(task, cred, euid.val);
  const struct known_process* known = bpf_map_lookup_elem(&known_processes, &pid);
  const int is_same = known && known->start_ns == now.start_ns;
  if (is_same && known->execs == now.execs && known->uid == now.uid) {
    return 0;
  }
  if (task->flags & kExiting) {
    return 0;  // its memory is gone
  }
  __u32 why = kFirstUse;
  if (is_same) {
    why = known->execs == now.execs ? kUserChanged : kExecuted;
  }
  if (report_image(why)) {
    bpf_map_update_elem(&known_processes, &pid, &now, BPF_ANY);
  }
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(netlog_exec, struct task_struct* task) {
  const __u32 pid = bpf_get_current_pid_tgid() >> 32;
  if (!bpf_map_lookup_elem(&known_processes, &pid)) {
    return 0;
  }
  struct known_process now = {};
  now.start_ns = task->group_leader->start_boottime;
  now.execs = (__u32)task->self_exec_id;
  now.uid = BPF_CORE_READ(task, cred, euid.val);
  if (report_image(kExecuted)) {
    bpf_map_update_elem(&known_processes, &pid, &now, BPF_ANY);
  }
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(netlog_exit, struct task_struct* task) {
  const __u32 pid = bpf_get_current_pid_tgid() >> 32;
  if (task->signal->live.counter != 0 || !bpf_map_lookup_elem(&known_processes, &pid)) {
    return 0;
  }
  bpf_map_delete_elem(&known_processes, &pid);
  struct process_record* record = bpf_ringbuf_reserve(&events, sizeof *record, 0);
  if (!record) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  __builtin_memset(record, 0, sizeof *record);
  struct task_struct* leader = task->group_leader;
  record->at_ns = bpf_ktime_get_boot_ns();
  record->start_ns = leader->start_boottime;
  record->kind = kExit;
  record->pid = pid;
  record->why =
      task->signal->flags & kSignalGroupExit ? task->signal->group_exit_code : leader->exit_code;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return 0;
}
