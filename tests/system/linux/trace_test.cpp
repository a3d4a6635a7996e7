// SPDX-License-Identifier: MIT
// Who owns a socket, by real processes under a real trace.
#include "source/linux/trace.hpp"

#include "decode/tables.hpp"
#include "os/clock.hpp"
#include "os/linux/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/connection_event.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <unistd.h>

namespace netlog_tests::system_trace_test {

using namespace netlog;
using namespace netlog::os;
using namespace netlog::source;

namespace {

constexpr std::size_t kBuffer = std::size_t{8} << 20U;

/// The trace, and a tracker that gets only its changes; nothing is polled.
class Traced {
 public:
  explicit Traced(Trace trace) : trace_{std::move(trace)} { tracker_.begin_trace(); }

  void take() {
    std::vector<std::byte> bytes;
    REQUIRE(trace_.drain(bytes) == 0);
    const auto all = decode::decode_trace(bytes, 0);
    REQUIRE(all.has_value());
    for (const auto& change : *all) {
      std::visit([this](const auto& one) { tracker_.apply(one); }, change);
    }
    for (const auto& event : take_events(tracker_)) {
      last_[event.connection.id] = event.connection;
    }
    for (const auto& refreshed : tracker_.take_refreshes()) {
      last_[refreshed.id] = refreshed;
    }
  }

  /// The latest connection with this local port.
  std::optional<Connection> by_local(std::uint16_t port) {
    take();
    std::optional<Connection> found;
    for (const auto& [id, connection] : last_) {
      if (connection.tuple.local.port == port && connection.direction != Direction::listen) {
        found = connection;
      }
    }
    return found;
  }
  /// How many connections went to this port.
  std::size_t count_to(std::uint16_t port) {
    take();
    return static_cast<std::size_t>(std::count_if(last_.begin(), last_.end(), [&](const auto& of) {
      return of.second.tuple.remote.port == port && of.second.direction == Direction::outbound;
    }));
  }
  std::optional<Connection> listener(std::uint16_t port) {
    take();
    std::optional<Connection> found;
    for (const auto& [id, connection] : last_) {
      if (connection.tuple.local.port == port && connection.direction == Direction::listen) {
        found = connection;
      }
    }
    return found;
  }

 private:
  Trace trace_;
  track::Tracker tracker_;
  std::map<ConnectionId, Connection> last_;
};

std::optional<Traced> start_trace(int ignored_pid = 0) {
  auto trace = Trace::open(kBuffer, ignored_pid);
  REQUIRE(trace.has_value());
  return std::make_optional<Traced>(std::move(*trace));
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

os::UniqueFd make_listener() {
  os::UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
  const auto any = loopback(0);
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  REQUIRE(::listen(fd.get(), 8) == 0);
  return fd;
}

bool connect_to(int fd, std::uint16_t port) {
  const auto address = loopback(port);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

os::UniqueFd connected_to(const os::UniqueFd& listening) {
  os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
  REQUIRE(connect_to(client.get(), port_of(listening.get())));
  return client;
}

/// Runs `work` in a child until it is done. What it returns does not matter.
std::uint32_t in_child(const std::function<void()>& work) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::_exit(0);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  return static_cast<std::uint32_t>(child);
}

void reset_on_close(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::uint32_t us() {
  return static_cast<std::uint32_t>(::getpid());
}

}  // namespace

TEST_CASE("a connection within one process: both ends, every state, and whose", "[live][tracing]") {
  auto traced = start_trace();
  auto listening = make_listener();
  const auto port = port_of(listening.get());
  os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
  REQUIRE(connect_to(client.get(), port));
  const auto client_port = port_of(client.get());
  os::UniqueFd server{::accept(listening.get(), nullptr, nullptr)};
  auto one = traced->by_local(client_port);
  REQUIRE(one.has_value());
  CHECK(one->state == TcpState::established);
  CHECK(one->direction == Direction::outbound);
  CHECK(one->opened->error_ns == 0);
  CHECK(one->owner.process->pid == us());
  CHECK(one->owner.source == OwnerSource::exact);
  CHECK(traced->listener(port)->owner.process->pid == us());
  REQUIRE(::send(client.get(), "hello", 5, 0) == 5);
  std::array<char, 8> buffer{};
  REQUIRE(::recv(server.get(), buffer.data(), buffer.size(), 0) == 5);
  client.reset();
  CHECK(traced->by_local(port)->state == TcpState::close_wait);
  CHECK(traced->by_local(port)->owner == one->owner);  // it has received
  server.reset();
  const auto accepted = traced->by_local(port);
  CHECK(accepted->outcome == Outcome::closed);
  CHECK(accepted->owner.source == OwnerSource::exact);
  CHECK(accepted->metrics.bytes_received == 5U);
  one = traced->by_local(client_port);
  CHECK(one->outcome == Outcome::closed);
  CHECK(one->metrics.bytes_sent == 5U);
  CHECK(one->closed->error_ns == 0);
  listening.reset();
  CHECK(traced->listener(port)->gone);
}

TEST_CASE("a listener made before the fork: who accepts and closes owns the connection",
          "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  const auto port = port_of(listening.get());
  os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
  REQUIRE(connect_to(client.get(), port));
  // A prefork server's worker.
  const auto worker = in_child([&] { ::close(::accept(listening.get(), nullptr, nullptr)); });
  CHECK(traced->by_local(port)->owner.process->pid == worker);
  CHECK(traced->by_local(port)->owner.source == OwnerSource::held);  // others had it, too
  CHECK(traced->listener(port)->owner.process->pid == us());
}

TEST_CASE("a socket that a child was given, and closes last", "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
  SECTION("before it connects: whoever connects") {
    std::uint16_t port = 0;
    const auto child = in_child([&] { connect_to(client.get(), port_of(listening.get())); });
    port = port_of(client.get());
    CHECK(traced->by_local(port)->owner.process->pid == child);
  }
  SECTION("once connected: first the one, then the other") {
    REQUIRE(connect_to(client.get(), port_of(listening.get())));
    const auto port = port_of(client.get());
    const auto ours = traced->by_local(port)->owner.process;
    CHECK(ours->pid == us());
    test::Child child;
    client.reset();  // not the last descriptor: nothing happens
    CHECK(traced->by_local(port)->state == TcpState::established);
    child.finish();
    const auto closed = traced->by_local(port);
    CHECK(closed->state != TcpState::established);
    CHECK(closed->owner == Owner{ours, OwnerSource::exact, {}});  // the child did not use it
  }
}

TEST_CASE("who only looks at a socket, and lets go of it last, has not owned it",
          "[live][tracing]") {
  auto traced = start_trace(::getpid());
  const auto listening = make_listener();
  os::UniqueFd watched{::socket(AF_INET, SOCK_STREAM, 0)};
  test::Child owner{[&] { connect_to(watched.get(), port_of(listening.get())); }};
  const auto port = port_of(watched.get());
  owner.finish();  // that one's close is not the last
  CHECK(traced->by_local(port)->state == TcpState::established);
  watched.reset();
  const auto closed = traced->by_local(port);
  CHECK(closed->state != TcpState::established);
  CHECK(closed->owner.source == OwnerSource::exact);
  CHECK(closed->owner.process->pid == owner.pid());
}

TEST_CASE("who waits in vain for a socket has not used it", "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  const auto client = connected_to(listening);
  const auto port = port_of(client.get());
  in_child([&] {
    char byte = 0;
    ::recv(client.get(), &byte, 1, MSG_DONTWAIT);
  });
  CHECK(traced->by_local(port)->owner.process->pid == us());
}

TEST_CASE("of several users of a socket the last one owns it", "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  const auto client = connected_to(listening);
  const auto port = port_of(client.get());
  const os::UniqueFd server{::accept(listening.get(), nullptr, nullptr)};
  REQUIRE(::send(server.get(), "xyz", 3, 0) == 3);
  const auto read_byte = [&] {  // before Linux 6.3 only reads are seen
    char byte = 0;
    return ::recv(client.get(), &byte, 1, 0);
  };
  const auto helper = in_child(read_byte);
  CHECK(traced->by_local(port)->owner.process->pid == helper);
  REQUIRE(read_byte() == 1);
  CHECK(traced->by_local(port)->owner.process->pid == us());
}

TEST_CASE("an accepted socket that its peer resets: who lets go of it, later", "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  const auto port = port_of(listening.get());
  os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
  REQUIRE(connect_to(client.get(), port));
  int fd = -1;
  test::Child worker{[&] {
                       client.reset();
                       fd = ::accept(listening.get(), nullptr, nullptr);
                     },
                     [&] { ::close(fd); }};
  reset_on_close(client.get());
  client.reset();
  const auto reset = traced->by_local(port);
  REQUIRE(reset.has_value());
  CHECK(reset->outcome == Outcome::reset);
  CHECK(reset->gone);
  CHECK(reset->owner.why == UnknownOwner::not_yet);
  worker.finish();
  const auto known = traced->by_local(port);
  CHECK(known->owner.source == OwnerSource::held);
  CHECK(known->owner.process->pid == worker.pid());
}

TEST_CASE("a process that is killed ends its connections in its own name", "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  const auto port = port_of(listening.get());
  const auto child = in_child([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    connect_to(fd, port);
    ::raise(SIGKILL);
  });
  os::UniqueFd server{::accept(listening.get(), nullptr, nullptr)};
  traced->take();
  const auto accepted = traced->by_local(port);
  CHECK(accepted->state == TcpState::close_wait);
  const auto killed = traced->by_local(accepted->tuple.remote.port);
  CHECK(killed->owner.process->pid == child);
  CHECK(name(*killed->state).starts_with("FIN_WAIT"));  // the ACK may be on its way
}

TEST_CASE("a refused connect is over at once, and the same socket can try again",
          "[live][tracing]") {
  auto traced = start_trace();
  auto listening = make_listener();
  const auto port = port_of(listening.get());
  listening.reset();
  const os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
  REQUIRE_FALSE(connect_to(client.get(), port));
  traced->take();
  const os::UniqueFd again = make_listener();
  REQUIRE(connect_to(client.get(), port_of(again.get())));
  const auto second = traced->by_local(port_of(client.get()));
  CHECK(second->state == TcpState::established);
  CHECK(second->tuple.remote.port == port_of(again.get()));
  CHECK(traced->count_to(port) == 1);
  CHECK(traced->count_to(port_of(again.get())) == 1);
}

TEST_CASE("half closed, then closed with data unread: we aborted it", "[live][tracing]") {
  auto traced = start_trace();
  const auto listening = make_listener();
  auto client = connected_to(listening);
  const auto port = port_of(client.get());
  const os::UniqueFd server{::accept(listening.get(), nullptr, nullptr)};
  REQUIRE(::shutdown(client.get(), SHUT_WR) == 0);
  char byte = 0;
  REQUIRE(::recv(server.get(), &byte, 1, 0) == 0);
  REQUIRE(::send(server.get(), "x", 1, 0) == 1);
  REQUIRE(::recv(client.get(), &byte, 1, MSG_PEEK) == 1);
  client.reset();
  const auto aborted = traced->by_local(port);
  REQUIRE(aborted.has_value());
  CHECK(aborted->outcome == Outcome::aborted);
  const auto reset = traced->by_local(port_of(listening.get()));
  REQUIRE(reset.has_value());
  CHECK(reset->outcome == Outcome::reset);
}

TEST_CASE("what finds no room is counted to the event", "[live][tracing]") {
  auto tiny = Trace::open(4096);
  auto ample = Trace::open(kBuffer);
  REQUIRE(tiny.has_value());
  REQUIRE(ample.has_value());
  // What others do on this host between the two openings is not for both.
  std::vector<std::byte> bytes;
  const auto listening = make_listener();
  const auto port = port_of(listening.get());
  for (int i = 0; i < 200; ++i) {
    os::UniqueFd client{::socket(AF_INET, SOCK_STREAM, 0)};
    REQUIRE(connect_to(client.get(), port));
    const os::UniqueFd server{::accept(listening.get(), nullptr, nullptr)};
    reset_on_close(client.get());
    client.reset();
  }
  const auto ours = [&](Trace& trace) {
    bytes.clear();
    const auto lost = trace.drain(bytes);
    const auto all = decode::decode_trace(bytes, 0);
    REQUIRE(all.has_value());
    std::uint64_t traced = 0;
    for (const auto& one : *all) {
      const auto* const change = std::get_if<Transition>(&one);
      const bool about_us = change != nullptr && (change->row.tuple.local.port == port ||
                                                  change->row.tuple.remote.port == port);
      traced += about_us ? 1 : 0;
    }
    return std::pair{traced, lost};
  };
  const auto [traced_tiny, lost_tiny] = ours(*tiny);
  const auto [traced_ample, lost_ample] = ours(*ample);
  CHECK(lost_ample == 0);
  CHECK(traced_tiny < traced_ample);
  // Client: SYN_SENT, ESTABLISHED, CLOSED; server: ESTABLISHED, CLOSED. And the listener.
  CHECK(traced_ample == 200 * 5 + 1);
  CHECK(lost_tiny >= traced_ample - traced_tiny);
}

}  // namespace netlog_tests::system_trace_test
