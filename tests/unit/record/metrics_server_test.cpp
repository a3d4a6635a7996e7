// SPDX-License-Identifier: MIT
#include "record/metrics_server.hpp"

#include "support/catch.hpp"
#include "util/error.hpp"

#include <cstdint>
#include <initializer_list>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace netlog_tests::record_metrics_server_test {

using namespace netlog;
using boost::asio::ip::tcp;
using record::MetricsServer;

namespace {

const Endpoint kAnyPort{IpAddress::v4(127, 0, 0, 1), 0};

/// A client of its own.
class Client {
 public:
  explicit Client(const MetricsServer& server) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), server.address().port});
  }

  void send(const std::string& text) {
    boost::system::error_code ignored;  // the server may have closed already
    boost::asio::write(socket_, boost::asio::buffer(text), ignored);
  }
  /// Until the server closes, which it does after some seconds at the latest.
  std::string receive() {
    std::string text;
    boost::system::error_code end;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(text), end);
    return text;
  }

 private:
  boost::asio::io_context io_;
  tcp::socket socket_{io_};
};

std::string answer_to(const MetricsServer& server, const std::string& request) {
  Client client{server};
  client.send(request);
  return client.receive();
}

std::string text_of(const record::RecordingState& state) {
  return "ticks " + std::to_string(state.progress.ticks) + "\n";
}

record::RecordingState state_with(std::int64_t ticks) {
  record::RecordingState state;
  state.progress.ticks = ticks;
  return state;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find("\r\n"));
}

}  // namespace

TEST_CASE("MetricsServer answers GET /metrics with what was published last", "[record]") {
  MetricsServer server{kAnyPort, text_of};
  CHECK(server.address().address == kAnyPort.address);
  REQUIRE(server.address().port != 0);
  server.start();
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(first_line(answer_to(server, request)) == "HTTP/1.1 503 Service Unavailable");
  server.publish(state_with(1));
  server.publish(state_with(2));
  const auto answer = answer_to(server, request);
  CHECK(first_line(answer) == "HTTP/1.1 200 OK");
  CHECK(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
        std::string::npos);
  CHECK(answer.find("Content-Length: 8\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\nticks 2\n"));
  CHECK(answer_to(server, "GET /metrics?x=1 HTTP/1.0\r\n\r\n").ends_with("ticks 2\n"));
}

TEST_CASE("MetricsServer refuses what is no GET of /metrics", "[record]") {
  MetricsServer server{kAnyPort, text_of};
  server.start();
  server.publish(state_with(1));
  for (const auto& [request, status] : std::initializer_list<std::pair<std::string, std::string>>{
           {"GET / HTTP/1.1\r\n\r\n", "404 Not Found"},
           {"GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"},
           {"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "405 Method Not Allowed"},
           {"\x16\x03\x01\r\n\r\n", "400 Bad Request"},
           {"GET /metrics HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n",
            "431 Request Header Fields Too Large"}}) {
    CAPTURE(request);
    CHECK(first_line(answer_to(server, request)) == "HTTP/1.1 " + status);
  }
  const auto head = answer_to(server, "HEAD /metrics HTTP/1.1\r\n\r\n");
  CHECK(first_line(head) == "HTTP/1.1 405 Method Not Allowed");
  CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("MetricsServer answers while others hold more connections than it has", "[record]") {
  std::optional<MetricsServer> server{std::in_place, kAnyPort, text_of};
  server->start();
  server->publish(state_with(1));
  std::list<Client> silent;
  for (int i = 0; i < 20; ++i) {
    silent.emplace_back(*server).send("GET /met");
  }
  CHECK(answer_to(*server, "GET /metrics HTTP/1.1\r\n\r\n").ends_with("ticks 1\n"));
  server.reset();  // does not wait for them
  for (auto& client : silent) {
    CHECK(client.receive().empty());
  }
}

TEST_CASE("MetricsServer says why it cannot listen", "[record]") {
  const MetricsServer first{kAnyPort, text_of};
  const auto address = first.address();
  CHECK_THROWS_WITH((MetricsServer{address, text_of}),
                    "cannot serve metrics at " + to_string(address) +
                        ": Address already in use; stop the program that listens there, or name "
                        "another port with --metrics");
  CHECK_THROWS_AS((MetricsServer{{IpAddress::v4(192, 0, 2, 1), 0}, text_of}), CommandFailed);
}

}  // namespace netlog_tests::record_metrics_server_test
