// SPDX-License-Identifier: MIT
#include "track/listeners.hpp"

#include "support/catch.hpp"

#include <optional>

namespace netlog::track::test::listeners {
namespace {

constexpr ProcessId kServer{200, 1};
constexpr ProcessId kWorker{201, 1};
const Endpoint kAny{IpAddress::v4(0, 0, 0, 0), 80};
const Endpoint kOne{IpAddress::v4(192, 0, 2, 1), 80};
const Endpoint kOther{IpAddress::v4(192, 0, 2, 2), 80};

}  // namespace

TEST_CASE("Listeners finds the one that accepts connections with an endpoint", "[track]") {
  Listeners listeners;
  listeners.opened(0, Protocol::tcp, kOne, 1);
  const auto accepts = [&](const Endpoint& local) {
    return listeners.accepting(0, Protocol::tcp, local, 0).has_value();
  };
  CHECK(accepts(kOne));
  CHECK_FALSE(accepts(kOther));
  CHECK_FALSE(accepts({kOne.address, 81}));
  CHECK_FALSE(listeners.accepting(5, Protocol::tcp, kOne, 0).has_value());
  CHECK_FALSE(listeners.accepting(0, Protocol::udp, kOne, 0).has_value());
  listeners.opened(0, Protocol::tcp, kAny, 2);
  CHECK(accepts(kOther));
}

TEST_CASE("Listeners prefers a listener whose owner is known", "[track]") {
  Listeners listeners;
  listeners.opened(0, Protocol::tcp, kOne, 1);
  listeners.opened(0, Protocol::tcp, kOne, 2);  // SO_REUSEPORT
  listeners.owned(0, Protocol::tcp, kOne, 2, kServer);
  CHECK(listeners.accepting(0, Protocol::tcp, kOne, 0)->owner == kServer);
  listeners.served(0, Protocol::tcp, kOne, kWorker);
  CHECK(listeners.accepting(0, Protocol::tcp, kOne, 0)->owner == kWorker);
}

TEST_CASE("Listeners follows what its owner executes", "[track]") {
  Listeners listeners;
  listeners.opened(0, Protocol::tcp, kOne, 1);
  listeners.opened(0, Protocol::tcp, kOther, 2);
  listeners.owned(0, Protocol::tcp, kOne, 1, kServer);
  listeners.owned(0, Protocol::tcp, kOther, 2, kWorker);
  constexpr ProcessId kProgram{200, 1, 1};
  listeners.executed(kProgram);
  CHECK(listeners.accepting(0, Protocol::tcp, kOne, 0)->owner == kProgram);
  CHECK(listeners.accepting(0, Protocol::tcp, kOther, 0)->owner == kWorker);
}

// Times are of the boot clock: a step of the wall clock changes neither the time of the close nor
// the time that it is compared with.
TEST_CASE("Listeners forgets a closed one by its age", "[track]") {
  Listeners listeners;
  listeners.opened(0, Protocol::tcp, kOne, 1);
  listeners.closed(0, Protocol::tcp, kOne, 1, 1000);
  const auto accepted = [&](std::int64_t alive_after_ns) {
    return listeners.accepting(0, Protocol::tcp, kOne, alive_after_ns).has_value();
  };
  CHECK(accepted(1000));  // a connection that may be as old as this
  CHECK_FALSE(accepted(1001));
  listeners.forget_closed_before(1000);
  CHECK(accepted(900));
  listeners.forget_closed_before(1001);
  CHECK_FALSE(accepted(900));
}

}  // namespace netlog::track::test::listeners
