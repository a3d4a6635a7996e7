// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Lists the sockets among the descriptors of all processes: one `struct held` for each. Ten times
// as fast as reading the links of /proc/PID/fd.
#include <linux/types.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct super_block {
  unsigned long s_magic;
};
struct inode {
  unsigned short i_mode;
  struct super_block* i_sb;
  unsigned long i_ino;
};
struct file {
  struct inode* f_inode;
};
struct task_struct {
  int tgid;
};
struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};
#pragma clang attribute pop

enum { kTypeMask = 0170000, kSocket = 0140000, kSockfs = 0x534F434B /* SOCKFS_MAGIC */ };

struct held {
  __u64 inode;
  __u32 pid;
  __s32 descriptor;
};

SEC("iter/task_file")
int netlog_held(struct bpf_iter__task_file* at) {
  struct task_struct* task = at->task;
  struct file* file = at->file;
  if (!task || !file) {
    return 0;  // after the last one
  }
  struct inode* inode = file->f_inode;
  // The name of a Unix socket on another file system has the same type, and any number.
  if ((inode->i_mode & kTypeMask) == kSocket && inode->i_sb->s_magic == kSockfs) {
    struct held held = {inode->i_ino, task->tgid, at->fd};
    bpf_seq_write(at->meta->seq, &held, sizeof held);
  }
  return 0;
}
