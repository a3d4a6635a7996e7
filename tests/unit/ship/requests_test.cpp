// SPDX-License-Identifier: MIT
// Requests that fail are tried again.
#include "ship/requests.hpp"

#include "support/catch.hpp"
#include "unit/ship/fake_server.hpp"
#include "util/error.hpp"

namespace netlog_tests::ship_requests_test {

using namespace netlog;
using namespace netlog::ship;
using fleet::FakeServer;
using fleet::FakeSurroundings;

TEST_CASE("a request that may succeed later is tried again, ever more rarely", "[ship]") {
  FakeServer server;
  FakeSurroundings around;
  around.environment.retry_for.reset();
  server.before = [](int request) -> std::optional<ServerFailure> {
    return request < 10 ? std::optional{ServerFailure{true, "away"}} : std::nullopt;
  };
  Requests requests{server, around.environment};
  CHECK(requests.run_for_number("SELECT max(version)") == 1);
  CHECK(around.waits_ms ==
        std::vector<std::int64_t>{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000});
  CHECK(around.troubles == std::vector<std::string>{"away", "over"});
}

TEST_CASE("a request is given up after some time, or at once if the server refuses it", "[ship]") {
  FakeServer server;
  FakeSurroundings around;
  bool is_temporary = true;
  server.before = [&](int) { return std::optional{ServerFailure{is_temporary, "no"}}; };
  Requests requests{server, around.environment};
  CHECK_THROWS_AS(requests.run("SELECT 1"), CommandFailed);
  CHECK(server.requests == 7);  // 0.5 + 1 + 2 + 4 + 8 + 16 s
  is_temporary = false;
  CHECK_THROWS_AS(requests.insert("INSERT", ""), CommandFailed);
  CHECK(server.requests == 8);
}

TEST_CASE("a request to stop ends the waiting, and no request follows", "[ship]") {
  FakeServer server;
  FakeSurroundings around;
  server.before = [&](int) {
    around.is_stopped = true;
    return std::optional{ServerFailure{false, "the connection was closed"}};
  };
  Requests requests{server, around.environment};
  CHECK_THROWS_AS(requests.run("SELECT 1"), Stopped);
  CHECK_THROWS_AS(requests.run("SELECT 1"), Stopped);
  CHECK(server.requests == 1);
  CHECK(around.troubles.empty());
}

TEST_CASE("an answer that is no number is refused", "[ship]") {
  FakeServer server;
  FakeSurroundings around;
  Requests requests{server, around.environment};
  for (const auto* const answer :
       {"", "-1", "1 ", "0x1", "1\n2", "<html>", "99999999999999999999"}) {
    server.version = answer;
    CHECK_THROWS_AS(requests.run_for_number("SELECT max(version)"), CommandFailed);
  }
  server.version = std::string(2'000, '1');
  CHECK_THROWS_AS(requests.run_for_line("SELECT max(version)"), CommandFailed);
}

}  // namespace netlog_tests::ship_requests_test
