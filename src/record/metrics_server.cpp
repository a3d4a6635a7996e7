// SPDX-License-Identifier: MIT
#include "record/metrics_server.hpp"

#include "os/listening.hpp"
#include "util/error.hpp"
#include "util/version.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

namespace netlog::record {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxConnections = 8;
constexpr int kBacklog = 16;
constexpr std::size_t kMaxHeader = 8'192;
constexpr std::size_t kMaxIgnoredBody = 65'536;
/// For the whole request and its answer.
constexpr std::chrono::seconds kRequestTime{5};
constexpr std::chrono::seconds kCloseTime{1};
/// 20 connections a second at most: a flood of them costs less than a hundredth of a processor.
constexpr std::chrono::milliseconds kBetweenAccepts{50};

tcp::endpoint tcp_endpoint(const Endpoint& endpoint) {
  const auto& address = endpoint.address;
  if (address.family == Family::ipv4) {
    boost::asio::ip::address_v4::bytes_type bytes{};
    std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
    return {boost::asio::ip::address_v4{bytes}, endpoint.port};
  }
  boost::asio::ip::address_v6::bytes_type bytes{};
  std::copy_n(address.bytes.begin(), bytes.size(), bytes.begin());
  return {boost::asio::ip::address_v6{bytes, address.scope}, endpoint.port};
}

std::string_view advice_for(const error_code& failed) {
  namespace errc = boost::system::errc;
  if (failed == errc::address_in_use) {
    return "stop the program that listens there, or name another port with --metrics";
  }
  if (failed == errc::permission_denied) {
    return "name a port of 1024 or above with --metrics";
  }
  if (failed == errc::address_not_available) {
    return "name an address of this host with --metrics, or 0.0.0.0 for all of them";
  }
  if (failed == errc::address_family_not_supported) {
    return "a service's unit must allow it (RestrictAddressFamilies=AF_INET AF_INET6)";
  }
  return "name another address with --metrics";
}

tcp::acceptor listen(boost::asio::io_context& io, const Endpoint& address) {
  const auto endpoint = tcp_endpoint(address);
  tcp::acceptor acceptor{io};
  error_code failed;
  static_cast<void>(acceptor.open(endpoint.protocol(), failed));
  if (!failed && address.address.family == Family::ipv6 && address.address.is_unspecified()) {
    error_code ignored;  // where IPv4 is not behind it, IPv6 alone is served
    static_cast<void>(acceptor.set_option(boost::asio::ip::v6_only{false}, ignored));
  }
  if (!failed && os::may_reuse_address()) {
    static_cast<void>(acceptor.set_option(tcp::acceptor::reuse_address{true}, failed));
  }
  if (!failed) {
    static_cast<void>(acceptor.bind(endpoint, failed));
  }
  if (!failed) {
    static_cast<void>(acceptor.listen(kBacklog, failed));
  }
  if (failed) {
    throw CommandFailed{fmt::format("cannot serve metrics at {}: {}; {}",
                                    to_string(address),
                                    failed.message(),
                                    advice_for(failed))};
  }
  return acceptor;
}

using Answer = http::response<http::string_body>;

Answer answer(http::status status, unsigned version, std::string body) {
  Answer made{status, version};
  made.set(http::field::server, fmt::format("netlog/{}", kVersion));
  made.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
  made.set(http::field::cache_control, "no-store");
  made.keep_alive(false);
  made.body() = std::move(body);
  made.prepare_payload();
  return made;
}

Answer refusal(http::status status, unsigned version = 11) {
  auto made = answer(status,
                     version,
                     fmt::format("{}: netlog serves GET /metrics only\n",
                                 std::string_view{http::obsolete_reason(status)}));
  made.set(http::field::content_type, "text/plain; charset=utf-8");
  if (status == http::status::method_not_allowed) {
    made.set(http::field::allow, "GET");
  }
  return made;
}

/// Of a header that could not be read. Nothing if nobody waits for an answer.
std::optional<Answer> refusal_of(const error_code& failed) {
  if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
    return refusal(http::status::request_header_fields_too_large);
  }
  const bool is_syntax = failed.category() == make_error_code(http::error::bad_method).category() &&
                         failed != http::error::end_of_stream &&
                         failed != http::error::partial_message;
  return is_syntax ? std::optional{refusal(http::status::bad_request)} : std::nullopt;
}

}  // namespace

class MetricsServer::Server {
 public:
  Server(const Endpoint& address, Text text)
      : text_{std::move(text)}, acceptor_{listen(io_, address)}, address_{address} {
    address_.port = acceptor_.local_endpoint().port();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {  // NOLINT(bugprone-exception-escape): without memory to end it, the process ends
    if (thread_.joinable()) {
      boost::asio::post(io_, [this] { stop(); });
      thread_.join();
    }
  }

  [[nodiscard]] const Endpoint& address() const { return address_; }

  void start() {
    boost::asio::co_spawn(io_, accept(), [](const std::exception_ptr& /*error*/) {});
    try {
      thread_ = std::thread{[this] { io_.run(); }};
    } catch (const std::system_error& error) {
      throw CommandFailed{fmt::format(
          "cannot serve metrics: no thread can be started: {}; record without --metrics, or allow "
          "more threads (ulimit -u)",
          error.code().message())};
    }
  }

  void publish(RecordingState state) {
    const std::lock_guard lock{mutex_};
    published_ = std::move(state);
  }

 private:
  using Stream = beast::tcp_stream;
  /// The oldest first.
  using Connections = std::list<std::shared_ptr<Stream>>;

  /// Runs out of work: nothing is accepted any more, and what waits for a client waits no longer.
  void stop() {
    stopping_ = true;
    error_code ignored;
    static_cast<void>(acceptor_.close(ignored));
    pause_.cancel();
    for (const auto& stream : connections_) {
      stream->close();
    }
  }

  boost::asio::awaitable<void> accept() {
    while (!stopping_) {
      error_code failed;
      auto socket = co_await acceptor_.async_accept(
          boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (stopping_) {
        co_return;
      }
      if (!failed) {
        begin(std::make_shared<Stream>(std::move(socket)));
      }
      pause_.expires_after(kBetweenAccepts);
      co_await pause_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    }
  }

  void begin(const std::shared_ptr<Stream>& stream) {
    // Clients that are slow on purpose must not keep others away.
    if (connections_.size() >= kMaxConnections) {
      connections_.front()->close();
      connections_.pop_front();
    }
    connections_.push_back(stream);
    // Whatever went wrong with this client is over with it.
    boost::asio::co_spawn(io_, serve(stream), [this, stream](const std::exception_ptr& /*error*/) {
      stream->close();
      connections_.remove(stream);
    });
  }

  boost::asio::awaitable<void> serve(std::shared_ptr<Stream> stream) {
    stream->expires_after(kRequestTime);
    beast::flat_buffer buffer{kMaxHeader};
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHeader);
    error_code failed;
    co_await http::async_read_header(
        *stream, buffer, parser, boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    auto answered = failed ? refusal_of(failed) : std::optional{answer_to(parser.get())};
    if (!answered) {
      co_return;
    }
    if (parser.get().method() == http::verb::head) {
      answered->body().clear();
    }
    co_await http::async_write(
        *stream, *answered, boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    if (failed) {
      co_return;
    }
    // To close with unread bytes would send a RST, which can destroy the answer on its way.
    static_cast<void>(stream->socket().shutdown(tcp::socket::shutdown_send, failed));
    stream->expires_after(kCloseTime);
    for (std::size_t ignored = 0; !failed && ignored < kMaxIgnoredBody;) {
      buffer.clear();
      ignored += co_await stream->async_read_some(
          buffer.prepare(kMaxHeader),
          boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    }
  }

  Answer answer_to(const http::request<http::empty_body>& request) {
    const std::string_view target{request.target()};
    if (target.substr(0, target.find('?')) != "/metrics") {
      return refusal(http::status::not_found, request.version());
    }
    if (request.method() != http::verb::get) {
      return refusal(http::status::method_not_allowed, request.version());
    }
    std::optional<RecordingState> state;
    {
      const std::lock_guard lock{mutex_};
      state = std::exchange(published_, std::nullopt);
    }
    if (state) {
      page_ = text_(*state);  // once for all clients that ask before the next one
    }
    return page_ ? answer(http::status::ok, request.version(), *page_)
                 : refusal(http::status::service_unavailable, request.version());
  }

  const Text text_;
  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_{io_};
  Endpoint address_;
  Connections connections_;
  bool stopping_ = false;
  std::mutex mutex_;
  std::optional<RecordingState> published_;  ///< that the server's thread has not taken yet
  std::optional<std::string> page_;          ///< of the state that it has taken last
  std::thread thread_;
};

MetricsServer::MetricsServer(const Endpoint& address, Text text)
    : server_{std::make_unique<Server>(address, std::move(text))} {}

MetricsServer::~MetricsServer() = default;

Endpoint MetricsServer::address() const {
  return server_->address();
}

void MetricsServer::start() {
  server_->start();
}

void MetricsServer::publish(RecordingState state) {
  server_->publish(std::move(state));
}

}  // namespace netlog::record
