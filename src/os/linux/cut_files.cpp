// SPDX-License-Identifier: MIT
#include "os/cut_files.hpp"

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <sys/mman.h>

#include <poll.h>
#include <unistd.h>

namespace netlog::os {
namespace {

using BusHandler = void (*)(int, siginfo_t*, void*);

std::atomic<std::uint64_t> replaced{0};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);  // a signal handler counts

/// As without a handler. The signal comes again when this one returns.
void die_of(int signal) {
  static_cast<void>(std::signal(signal, SIG_DFL));
  static_cast<void>(std::raise(signal));
}

void end_in_one_line(int signal, siginfo_t* info, void* /*context*/) {
  constexpr std::string_view kText{
      "netlog: a file that is open, such as the -shm of the recording, was cut short; what was "
      "committed is safe, start netlog again\n"};
  if (info->si_code != BUS_ADRERR) {
    die_of(signal);
    return;
  }
  pollfd err{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&err, 1, 0) == 1) {  // a full pipe would block
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
  }
  ::_exit(EXIT_FAILURE);
}

/// mmap() is a plain system call here: it may be called while another call is interrupted.
void replace_page(int signal, siginfo_t* info, void* /*context*/) {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto* const at = static_cast<char*>(info->si_addr);
  auto* const page = at - reinterpret_cast<std::uintptr_t>(at) % size;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (info->si_code != BUS_ADRERR ||
      ::mmap(page, size, PROT_READ | PROT_WRITE, kFlags, -1, 0) == MAP_FAILED) {
    die_of(signal);
    return;
  }
  ++replaced;
}

void handle_bus_errors(BusHandler handler) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

void end_when_a_mapped_file_is_cut() {
  handle_bus_errors(end_in_one_line);
}

void go_on_when_a_mapped_file_is_cut() {
  handle_bus_errors(replace_page);
}

std::uint64_t replaced_pages() {
  return replaced;
}

}  // namespace netlog::os
