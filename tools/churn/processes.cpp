// SPDX-License-Identifier: MIT
#include "processes.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <spawn.h>
#include <unistd.h>

extern char** environ;

namespace churn {
namespace {

constexpr const char* kHelper = "/bin/true";
constexpr int kWorkers = 4;

/// Sends who we are. The other end may be gone.
void send_pid(int fd) {
  const pid_t own = ::getpid();
  [[maybe_unused]] const auto sent = ::send(fd, &own, sizeof own, MSG_NOSIGNAL);
}

pid_t receive_pid(int fd) {
  pid_t other = 0;
  if (::recv(fd, &other, sizeof other, MSG_WAITALL) != sizeof other) {
    die("recv of a pid");
  }
  return other;
}

int listen_anywhere(std::uint16_t port = 0) {
  const int fd = must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  must(::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
  const auto address = loopback(AF_INET, 1, port);
  must(::bind(fd, &address.generic, address.size()), "bind");
  must(::listen(fd, 4096), "listen");
  return fd;
}

int connect_to(std::uint16_t port, int flags = SOCK_CLOEXEC) {
  const int fd = must(::socket(AF_INET, SOCK_STREAM | flags, 0), "socket");
  const auto address = loopback(AF_INET, 1, port);
  must(::connect(fd, &address.generic, address.size()), "connect");
  return fd;
}

/// The client's part of a connection.
void talk(int fd) {
  send_pid(fd);
  receive_pid(fd);
}

pid_t in_child(const std::function<void()>& work) {
  const pid_t child = must(::fork(), "fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    ::_exit(0);
  }
  return child;
}

void wait_for(pid_t child) {
  must(::waitpid(child, nullptr, 0), "waitpid");
}

/// Forks a helper, which executes a program. Its copies of our descriptors live a little longer
/// than ours.
pid_t fork_helper() {
  return in_child([] {
    ::usleep(300);
    ::execl(kHelper, kHelper, nullptr);
  });
}

pid_t spawn_helper() {
  pid_t helper = 0;
  std::array<char*, 2> arguments{const_cast<char*>(kHelper), nullptr};
  must(::posix_spawn(&helper, kHelper, nullptr, nullptr, arguments.data(), environ), "posix_spawn");
  return helper;
}

void execute_ourselves(const std::string& option, int number) {
  const auto text = fmt::format("{}={}", option, number);
  ::execl("/proc/self/exe", "netlog-churn", text.c_str(), nullptr);
  die("exec");
}

/// A pair of Unix sockets, to hand descriptors over.
struct Channel {
  std::array<int, 2> ends{};
  Channel() {
    must(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
  }
};

void send_descriptor(int channel, int fd) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  auto* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::copy_n(reinterpret_cast<const unsigned char*>(&fd), sizeof fd, CMSG_DATA(header));
  must(static_cast<int>(::sendmsg(channel, &message, 0)), "sendmsg");
}

/// @returns -1 at the end
int receive_descriptor(int channel) {
  char byte = 0;
  iovec part{&byte, 1};
  int fd = -1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto* const header =
      ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC) > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr) {
    std::copy_n(CMSG_DATA(header), sizeof fd, reinterpret_cast<unsigned char*>(&fd));
  }
  return fd;
}

/// Writes down both ends of one connection after the other.
class Runner {
 public:
  explicit Runner(std::string_view pattern) : pattern_{pattern} {}
  std::vector<Truth> take() { return std::move(done_); }

  /// We accept. `start` makes a process that calls, and `serve` does with the accepted connection
  /// what a server does, and closes it; it returns whose it is.
  void accept_from(const std::function<pid_t(std::uint16_t)>& start,
                   const std::function<pid_t(int)>& serve) {
    const auto began_ns = now_ns();
    const pid_t child = start(local_of(listener_).port());
    Address remote;
    socklen_t size = sizeof remote;
    const int fd = must(::accept4(listener_, &remote.generic, &size, SOCK_CLOEXEC), "accept");
    const auto local = local_of(fd);
    pid_t client = 0;
    must(static_cast<int>(::recv(fd, &client, sizeof client, MSG_PEEK | MSG_WAITALL)), "peek");
    const auto open_ns = now_ns();
    const pid_t server = serve(fd);
    wait_for(child);
    add(client, remote, server, local, {began_ns, open_ns, now_ns()});
  }

  /// We call the port, and others serve.
  void call(std::uint16_t port) {
    const auto began_ns = now_ns();
    const int fd = connect_to(port);
    const auto local = local_of(fd);
    send_pid(fd);
    const auto open_ns = now_ns();
    const pid_t server = receive_pid(fd);
    // The server closes when it sees our end, and we wait for its.
    ::shutdown(fd, SHUT_WR);
    char byte = 0;
    [[maybe_unused]] const auto end = ::recv(fd, &byte, 1, 0);
    ::close(fd);
    add(::getpid(), local, server, loopback(AF_INET, 1, port), {began_ns, open_ns, now_ns()});
  }

  [[nodiscard]] int listener() const { return listener_; }

 private:
  struct Times {
    std::int64_t began_ns = 0;
    std::int64_t open_ns = 0;
    std::int64_t over_ns = 0;
  };
  void add(pid_t client, const Address& from, pid_t server, const Address& to, const Times& times) {
    Truth truth;
    truth.kind = pattern_;
    truth.pid = client;
    truth.local = from;
    truth.remote = to;
    truth.opened_from_ns = times.began_ns;
    truth.opened_to_ns = times.open_ns;
    truth.closed_from_ns = times.began_ns;
    truth.closed_to_ns = times.over_ns;
    done_.push_back(truth);
    truth.server = true;
    truth.pid = server;
    std::swap(truth.local, truth.remote);
    done_.push_back(truth);
  }

  std::string_view pattern_;
  int listener_ = listen_anywhere();
  std::vector<Truth> done_;
};

/// What a plain server does: it answers, waits for the end, and closes.
pid_t answer(int fd) {
  receive_pid(fd);
  send_pid(fd);
  char byte = 0;
  [[maybe_unused]] const auto end = ::recv(fd, &byte, 1, 0);
  ::close(fd);
  return ::getpid();
}

/// A helper is started while the connection is open, and lets go of it after us.
pid_t answer_with_helper(int fd, pid_t (*start_helper)()) {
  receive_pid(fd);
  send_pid(fd);
  const pid_t helper = start_helper();
  ::close(fd);
  wait_for(helper);
  return ::getpid();
}

pid_t client_with_helper(std::uint16_t port, pid_t (*start_helper)()) {
  return in_child([&] {
    const int fd = connect_to(port);
    talk(fd);
    const pid_t helper = start_helper();
    ::close(fd);
    wait_for(helper);
  });
}

pid_t plain_client(std::uint16_t port) {
  return in_child([&] {
    const int fd = connect_to(port);
    talk(fd);
    ::close(fd);
  });
}

/// The main thread ends before another one calls.
pid_t client_without_main_thread(std::uint16_t port) {
  return in_child([&] {
    const auto main = static_cast<pid_t>(::syscall(SYS_gettid));
    std::thread{[port, main] {
      const auto path = fmt::format("/proc/{}/stat", main);
      for (bool is_over = false; !is_over;) {
        std::array<char, 256> stat{};
        auto* const file = std::fopen(path.c_str(), "r");
        const auto got = file != nullptr ? std::fread(stat.data(), 1, stat.size() - 1, file) : 0;
        is_over = std::string_view{stat.data(), got}.find(") Z ") != std::string_view::npos;
        if (file != nullptr) {
          std::fclose(file);
        }
      }
      const int fd = connect_to(port);
      talk(fd);
      ::close(fd);
      ::_exit(0);
    }}.detach();
    ::syscall(SYS_exit, 0);
  });
}

void serve_with_workers(Runner& runner, int count, const std::function<int()>& listener_of_worker) {
  std::vector<pid_t> workers;
  const auto port = local_of(runner.listener()).port();
  for (int i = 0; i < kWorkers; ++i) {
    std::array<int, 2> ready{};
    must(::pipe(ready.data()), "pipe");
    workers.push_back(in_child([&] {
      const int listener = listener_of_worker();
      char byte = 0;
      must(static_cast<int>(::write(ready[1], &byte, 1)), "write");
      for (;;) {
        answer(must(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept"));
      }
    }));
    char byte = 0;
    must(static_cast<int>(::read(ready[0], &byte, 1)), "read");
    ::close(ready[0]);
    ::close(ready[1]);
  }
  for (int i = 0; i < count; ++i) {
    runner.call(port);
  }
  for (const auto worker : workers) {
    ::kill(worker, SIGKILL);
    wait_for(worker);
  }
}

void reuseport(Runner& runner, int count) {
  // Every worker has a listener of its own; the one that reserves the port must not accept.
  const auto port = local_of(runner.listener()).port();
  must(::shutdown(runner.listener(), SHUT_RD), "shutdown");
  serve_with_workers(runner, count, [&] { return listen_anywhere(port); });
}

void handed_over(Runner& runner, int count) {
  const Channel channel;
  const pid_t worker = in_child([&] {
    ::close(channel.ends[0]);
    for (int fd = receive_descriptor(channel.ends[1]); fd >= 0;
         fd = receive_descriptor(channel.ends[1])) {
      answer(fd);
    }
  });
  for (int i = 0; i < count; ++i) {
    const pid_t master = in_child([&] {
      const int fd = must(::accept4(runner.listener(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
      send_descriptor(channel.ends[0], fd);
    });
    runner.call(local_of(runner.listener()).port());
    wait_for(master);
  }
  ::kill(worker, SIGKILL);
  wait_for(worker);
}

/// Somebody else gets the client's descriptor, and drops it last.
void dropped_last(Runner& runner, int count) {
  const Channel channel;
  const pid_t other = in_child([&] {
    ::close(channel.ends[0]);
    for (int fd = receive_descriptor(channel.ends[1]); fd >= 0;
         fd = receive_descriptor(channel.ends[1])) {
      ::usleep(500);
      ::close(fd);
    }
  });
  for (int i = 0; i < count; ++i) {
    runner.accept_from(
        [&](std::uint16_t port) {
          return in_child([&] {
            const int fd = connect_to(port);
            talk(fd);
            send_descriptor(channel.ends[0], fd);
          });
        },
        answer);
  }
  ::kill(other, SIGKILL);
  wait_for(other);
}

using Pattern = std::function<void(Runner&, int)>;
using Start = std::function<pid_t(std::uint16_t)>;
using Serve = std::function<pid_t(int)>;

Pattern each(Start start, Serve serve) {
  return [start = std::move(start), serve = std::move(serve)](Runner& runner, int count) {
    for (int i = 0; i < count; ++i) {
      runner.accept_from(start, serve);
    }
  };
}

const std::map<std::string, Pattern, std::less<>>& patterns() {
  static const std::map<std::string, Pattern, std::less<>> kPatterns{
      {"fork_helpers",
       each([](std::uint16_t port) { return client_with_helper(port, &fork_helper); },
            [](int fd) { return answer_with_helper(fd, &fork_helper); })},
      {"spawn_helpers",
       each([](std::uint16_t port) { return client_with_helper(port, &spawn_helper); },
            [](int fd) { return answer_with_helper(fd, &spawn_helper); })},
      {"fork_per_connection",
       each(&plain_client,
            [](int fd) {
              const pid_t child = in_child([&] { answer(fd); });
              ::close(fd);
              wait_for(child);
              return child;
            })},
      {"prefork",
       [](Runner& runner, int count) {
         serve_with_workers(runner, count, [&] { return runner.listener(); });
       }},
      {"reuseport", &reuseport},
      {"handed_over", &handed_over},
      {"dropped_last", &dropped_last},
      {"exec_with_connection",
       each(
           [](std::uint16_t port) {
             return in_child([&] {
               const int fd = connect_to(port, 0);
               send_pid(fd);
               execute_ourselves("--finish", fd);
             });
           },
           &answer)},
      {"double_fork",
       each(
           [](std::uint16_t port) {
             return in_child([&] {
               if (must(::fork(), "fork") == 0) {
                 ::setsid();
                 const int fd = connect_to(port);
                 talk(fd);
                 ::close(fd);
               }
             });
           },
           &answer)},
      {"no_main_thread", each(&client_without_main_thread, &answer)},
      {"short_program",
       each([](std::uint16_t port) { return in_child([&] { execute_ourselves("--call", port); }); },
            &answer)},
  };
  return kPatterns;
}

}  // namespace

std::vector<std::string> process_patterns() {
  std::vector<std::string> names;
  for (const auto& [name, run] : patterns()) {
    names.push_back(name);
  }
  return names;
}

std::vector<Truth> run_pattern(std::string_view pattern, int count) {
  const auto& [name, run] = *patterns().find(pattern);
  Runner runner{name};
  run(runner, count);
  ::close(runner.listener());
  return runner.take();
}

int call_and_exit(int port) {
  const int fd = connect_to(static_cast<std::uint16_t>(port));
  talk(fd);
  return 0;
}

int finish_and_exit(int fd) {
  receive_pid(fd);
  return 0;
}

}  // namespace churn
