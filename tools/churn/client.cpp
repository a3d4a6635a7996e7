// SPDX-License-Identifier: MIT
#include "client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <future>
#include <unordered_map>
#include <utility>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <unistd.h>

namespace churn {
namespace {

// Many loopback addresses: one has too few ports for those in TIME_WAIT.
constexpr std::uint32_t kHosts = 200;
constexpr std::int64_t kLateNs = 10'000'000;

/// A connect that is in progress, or that failed immediately.
struct Attempt {
  const Kind* kind = nullptr;
  int fd = -1;
  bool skipped = false;  ///< not attempted: no descriptor or no port
  Truth truth;
};

Attempt attempt(const Target& target, std::uint32_t host) {
  Attempt made;
  made.kind = target.kind;
  auto& truth = made.truth;
  truth.kind = target.kind->name;
  truth.pid = ::getpid();
  truth.remote = loopback(target.family, host, target.port);
  made.fd = ::socket(target.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made.fd < 0) {
    made.skipped = true;
    return made;
  }
  if (!target.kind->blocking_connect) {
    set_nonblocking(made.fd);
  }
  constexpr int kOnceMore = 1;
  ::setsockopt(made.fd, IPPROTO_TCP, TCP_SYNCNT, &kOnceMore, sizeof kOnceMore);
  truth.opened_from_ns = now_ns();
  const int error = ::connect(made.fd, &truth.remote.generic, truth.remote.size()) == 0 ? 0 : errno;
  truth.opened_to_ns = now_ns();
  truth.local = local_of(made.fd);
  if (truth.local.is_unspecified()) {
    // A failed connect has lost its local address.
    truth.local = loopback(target.family, 1, truth.local.port());
  }
  if (error != 0 && error != EINPROGRESS) {
    truth.closed_from_ns = truth.opened_from_ns;
    ::close(std::exchange(made.fd, -1));
    truth.closed_to_ns = now_ns();
    made.skipped = error == EADDRNOTAVAIL;
  }
  return made;
}

struct PendingStep {
  int fd = -1;
  std::int64_t opened_ns = 0;
  std::int64_t at_ns = 0;
};

class Client {
 public:
  Client(const std::vector<Target>& targets, const Load& load)
      : targets_{targets}, load_{load}, epoll_{must(::epoll_create1(0), "epoll_create1")} {}

  Sent run() {
    const auto began_ns = now_ns();
    const auto period_ns = 1e9 / load_.rate;
    const auto wanted =
        static_cast<std::uint64_t>(static_cast<double>(load_.duration.count()) / period_ns);
    std::uint64_t begun = 0;
    const auto due_of = [&](std::uint64_t n) {
      return began_ns + static_cast<std::int64_t>(static_cast<double>(n) * period_ns);
    };
    while (begun < wanted || !open_.empty()) {
      auto now = now_ns();
      for (int most = 32; most > 0 && begun < wanted && due_of(begun) <= now; --most) {
        sent_.late += now - due_of(begun) > kLateNs ? 1 : 0;
        open(targets_[begun % targets_.size()], static_cast<std::uint32_t>(begun % kHosts) + 1);
        ++begun;
        now = now_ns();
      }
      end_the_due();
      auto next_ns = now + 100'000'000;
      if (begun < wanted) {
        next_ns = std::min(next_ns, due_of(begun));
      }
      if (!due_.empty()) {
        next_ns = std::min(next_ns, due_.front().at_ns);
      }
      wait_until(next_ns);
    }
    for (auto& pending : blocking_) {
      finish(pending.get());
    }
    return std::move(sent_);
  }

 private:
  void open(const Target& target, std::uint32_t host) {
    if (target.kind->blocking_connect) {
      blocking_.push_back(std::async(std::launch::async, attempt, target, host));
    } else {
      finish(attempt(target, host));
    }
  }

  void finish(const Attempt& attempt) {
    if (attempt.skipped) {
      ++sent_.skipped;
    } else if (attempt.fd < 0) {
      sent_.truth.push_back(attempt.truth);
    } else {
      const auto& kind = *attempt.kind;
      if (kind.client_sends) {
        [[maybe_unused]] const auto bytes = ::send(attempt.fd, "hi", 2, MSG_NOSIGNAL);
      }
      if (kind.client == End::await) {
        watch(attempt.fd);
      } else {
        const auto& truth = attempt.truth;
        due_.push_back({attempt.fd, truth.opened_from_ns, truth.opened_to_ns + load_.life.count()});
      }
      open_[attempt.fd] = attempt;
    }
  }

  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    must(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void wait_until(std::int64_t next_ns) {
    std::array<epoll_event, 256> events{};
    const auto left_ns = std::max<std::int64_t>(next_ns - now_ns(), 0);
    const timespec timeout{left_ns / 1'000'000'000, left_ns % 1'000'000'000};
    const int got = ::epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < got; ++i) {
      const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
      if (open_.contains(fd) && peer_has_ended(fd)) {
        end(fd);
      }
    }
  }

  void end_the_due() {
    while (!due_.empty() && due_.front().at_ns <= now_ns()) {
      const auto due = due_.front();
      due_.pop_front();
      const auto found = open_.find(due.fd);
      if (found == open_.end() || found->second.truth.opened_from_ns != due.opened_ns) {
        continue;
      }
      const auto& kind = *found->second.kind;
      const auto now = now_ns();
      if (kind.server_sends && !data_has_come(due.fd) && now < due.opened_ns + kDataPatienceNs) {
        due_.push_back({due.fd, due.opened_ns, now + kLookAgainNs});  // as the server does
        continue;
      }
      switch (kind.client) {
        case End::half_close:
          ::shutdown(due.fd, SHUT_WR);
          watch(due.fd);
          continue;
        case End::abort:
          peer_has_ended(due.fd);
          abort_on_close(due.fd);
          break;
        case End::close:
          peer_has_ended(due.fd);
          break;
        case End::close_unread:
        case End::await:
          break;
      }
      end(due.fd);
    }
  }

  void end(int fd) {
    const auto& attempt = open_.at(fd);
    auto truth = attempt.truth;
    // A failed connect was over before its error was reported.
    const bool failed =
        attempt.kind->client == End::await && attempt.kind->listener != Listener::accepts;
    truth.closed_from_ns = failed ? truth.opened_from_ns : now_ns();
    ::close(fd);
    truth.closed_to_ns = now_ns();
    sent_.truth.push_back(truth);
    open_.erase(fd);
  }

  const std::vector<Target>& targets_;
  Load load_;
  int epoll_;
  std::unordered_map<int, Attempt> open_;
  std::vector<std::future<Attempt>> blocking_;
  std::deque<PendingStep> due_;
  Sent sent_;
};

}  // namespace

Sent connect_all(const std::vector<Target>& targets, const Load& load) {
  return Client{targets, load}.run();
}

}  // namespace churn
