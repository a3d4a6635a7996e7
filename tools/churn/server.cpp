// SPDX-License-Identifier: MIT
#include "server.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <unordered_map>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <unistd.h>

namespace churn {
namespace {

struct Accepted {
  const Kind* kind = nullptr;
  Truth truth;
};

struct PendingClose {
  int fd = -1;
  std::int64_t opened_ns = 0;  ///< identifies this use of the descriptor
  std::int64_t at_ns = 0;
};

class Server {
 public:
  Server(const std::vector<Listening>& listeners, std::chrono::nanoseconds life, int stop_fd)
      : life_{life.count()}, stop_fd_{stop_fd}, epoll_{must(::epoll_create1(0), "epoll_create1")} {
    watch(stop_fd);
    for (const auto& listening : listeners) {
      if (listening.kind().listener == Listener::accepts) {
        kinds_.emplace(listening.fd(), &listening.kind());
        watch(listening.fd());
      }
    }
  }

  std::vector<Truth> run() {
    constexpr std::int64_t kLinger = 1'000'000'000;
    auto stop_at_ns = std::numeric_limits<std::int64_t>::max();
    std::array<epoll_event, 256> events{};
    while (now_ns() < stop_at_ns &&
           (stop_at_ns == std::numeric_limits<std::int64_t>::max() || !open_.empty())) {
      const int got = ::epoll_wait(epoll_, events.data(), events.size(), timeout_ms());
      for (int i = 0; i < got; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        if (fd == stop_fd_) {
          ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
          stop_at_ns = now_ns() + kLinger;
        } else if (const auto kind = kinds_.find(fd); kind != kinds_.end()) {
          accept_all(fd, *kind->second);
        } else {
          on_readable(fd);
        }
      }
      end_the_due();
    }
    return std::move(done_);
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  [[nodiscard]] int timeout_ms() const {
    if (due_.empty()) {
      return 100;
    }
    const auto left_ms = (due_.front().at_ns - now_ns() + 999'999) / 1'000'000;
    return static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, 100));
  }

  void accept_all(int listener, const Kind& kind) {
    for (int most = 64; most > 0; --most) {
      Accepted accepted;
      socklen_t size = sizeof accepted.truth.remote;
      const int fd =
          ::accept4(listener, &accepted.truth.remote.generic, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        return;
      }
      accepted.kind = &kind;
      accepted.truth.kind = kind.name;
      accepted.truth.server = true;
      accepted.truth.pid = ::getpid();
      accepted.truth.local = local_of(fd);
      accepted.truth.opened_to_ns = now_ns();
      if (kind.server_sends) {
        [[maybe_unused]] const auto sent = ::send(fd, "hello", 5, MSG_NOSIGNAL);
      }
      if (kind.server == End::await) {
        watch(fd);
      } else {
        due_.push_back({fd, accepted.truth.opened_to_ns, accepted.truth.opened_to_ns + life_});
      }
      open_[fd] = accepted;
    }
  }

  void on_readable(int fd) {
    const auto found = open_.find(fd);
    if (found != open_.end() && peer_has_ended(fd)) {
      end(fd, found->second.kind->server_then);
    }
  }

  void end_the_due() {
    while (!due_.empty() && due_.front().at_ns <= now_ns()) {
      const auto due = due_.front();
      due_.pop_front();
      const auto found = open_.find(due.fd);
      if (found == open_.end() || found->second.truth.opened_to_ns != due.opened_ns) {
        continue;
      }
      const auto& kind = *found->second.kind;
      const auto now = now_ns();
      if (kind.client_sends && !data_has_come(due.fd) && now < due.opened_ns + kDataPatienceNs) {
        // A close before the data would be another kind of end.
        due_.push_back({due.fd, due.opened_ns, now + kLookAgainNs});
        continue;
      }
      if (kind.server != End::close_unread) {
        peer_has_ended(due.fd);
      }
      end(due.fd, kind.server);
    }
  }

  void end(int fd, End how) {
    auto truth = open_.at(fd).truth;
    truth.closed_from_ns = now_ns();
    if (how == End::abort) {
      abort_on_close(fd);
    }
    ::close(fd);
    truth.closed_to_ns = now_ns();
    done_.push_back(truth);
    open_.erase(fd);
  }

  std::int64_t life_;
  int stop_fd_;
  int epoll_;
  std::unordered_map<int, const Kind*> kinds_;
  std::unordered_map<int, Accepted> open_;
  std::deque<PendingClose> due_;
  std::vector<Truth> done_;
};

}  // namespace

Listening::Listening(const Kind& kind, int family)
    : kind_{kind}, fd_{must(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")} {
  const auto anywhere = any(family);
  must(::bind(fd_, &anywhere.generic, anywhere.size()), "bind");
  port_ = local_of(fd_).port();
  if (kind.listener == Listener::nobody) {
    return;  // it stays bound, so that no listener gets its port
  }
  set_nonblocking(fd_);
  must(::listen(fd_, kind.listener == Listener::full ? 0 : 4096), "listen");
  if (kind.listener == Listener::full) {
    // A backlog of 0 accepts one connection. The second waits in SYN_SENT, like all that follow.
    for (int i = 0; i < 2; ++i) {
      const int filler = must(::socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
      const auto target = loopback(family, 1, port_);
      ::connect(filler, &target.generic, target.size());
      fillers_.push_back(filler);
    }
  }
}

std::vector<Truth> serve(const std::vector<Listening>& listeners,
                         std::chrono::nanoseconds life,
                         int stop_fd) {
  return Server{listeners, life, stop_fd}.run();
}

}  // namespace churn
