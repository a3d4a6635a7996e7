// SPDX-License-Identifier: MIT
#include "ship/clickhouse.hpp"

#include "ship/gzip.hpp"
#include "ship/http_channel.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

namespace netlog::ship {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::uint64_t kMaxAnswer = std::uint64_t{4} << 20U;
constexpr std::uint32_t kMaxHeader = 8'192;

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    encoded += is_plain ? std::string{c} : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

/// The number of ClickHouse's error: `Code: 60, e.displayText() = …` or `Code: 60. DB::Exception:
/// …`.
std::optional<int> error_code_of(std::string_view text) {
  constexpr std::string_view kBegin = "Code: ";
  const auto found = text.find(kBegin);
  if (found == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(found + kBegin.size());
  return parse_number<int>(text.substr(0, text.find_first_not_of("0123456789")));
}

/// Errors that the same request meets again: of syntax, types, names, rights and limits. Source:
/// dbms/src/Common/ErrorCodes.cpp of ClickHouse.
bool is_final(int code) {
  constexpr std::array<int, 30> kFinal{6,  8,  16,  20,  27,  38,  41,  43,  44,  46,
                                       47, 48, 50,  53,  57,  60,  62,  63,  70,  72,
                                       81, 92, 115, 117, 164, 192, 193, 194, 497, 516};
  return std::find(kFinal.begin(), kFinal.end(), code) != kFinal.end();
}

}  // namespace

boost::system::result<void, ServerFailure> check_answer(unsigned status, std::string_view text) {
  constexpr unsigned kOk = 200;
  constexpr std::array<unsigned, 3> kLater{408, 425, 429};
  constexpr unsigned kClientError = 400;
  constexpr unsigned kServerError = 500;
  const auto code = error_code_of(text.substr(0, text.find('\n')));
  // A query that fails midway has the status 200 and the error at the end.
  if (status == kOk && !text.starts_with("Code: ")) {
    return {};
  }
  const bool is_refused = status >= kClientError && status < kServerError &&
                          std::find(kLater.begin(), kLater.end(), status) == kLater.end();
  const bool is_temporary = code ? !is_final(*code) : !is_refused;
  return ServerFailure{
      is_temporary,
      text.empty() ? fmt::format("the server answers with status {}", status)
                   : fmt::format("the server answers with status {}: {}", status, one_line(text))};
}

class ClickHouse::Connection {
 public:
  explicit Connection(ClickHouseOptions options) : options_{std::move(options)} { make_channel(); }

  [[nodiscard]] HttpRequest make_request(std::string_view target) const;
  Answer<std::string> post(const HttpRequest& request);

 private:
  void make_channel();
  boost::system::error_code open();
  boost::system::error_code exchange(const HttpRequest& request, HttpAnswer& answer);
  boost::system::error_code wait_for(const std::function<void(HttpChannel::Done)>& operation);
  [[nodiscard]] std::string text_of(boost::system::error_code error) const;

  ClickHouseOptions options_;
  asio::io_context io_;
  std::unique_ptr<HttpChannel> channel_;
  bool is_open_ = false;
};

ClickHouse::ClickHouse(ClickHouseOptions options)
    : connection_{std::make_unique<Connection>(std::move(options))} {}

ClickHouse::~ClickHouse() = default;

void ClickHouse::Connection::make_channel() {
  channel_ = options_.target.tls ? make_tls_channel(io_, options_.target.host, options_.ca_file)
                                 : make_plain_channel(io_);
}

HttpRequest ClickHouse::Connection::make_request(std::string_view target) const {
  HttpRequest request{http::verb::post, beast::string_view{target.data(), target.size()}, 11};
  const bool is_ipv6 = options_.target.host.find(':') != std::string::npos;
  request.set(
      http::field::host,
      fmt::format(
          fmt::runtime(is_ipv6 ? "[{}]:{}" : "{}:{}"), options_.target.host, options_.target.port));
  request.set(http::field::user_agent, fmt::format("netlog/{}", kVersion));
  if (!options_.user.empty()) {
    request.set("X-ClickHouse-User", options_.user);
  }
  if (!options_.password.empty()) {
    request.set("X-ClickHouse-Key", options_.password);
  }
  return request;
}

Answer<std::string> ClickHouse::run(const std::string& statement) {
  auto request = connection_->make_request("/?wait_end_of_query=1");
  request.body() = statement;
  request.prepare_payload();
  return connection_->post(request);
}

Answer<void> ClickHouse::insert(const std::string& statement, std::string_view body) {
  auto request = connection_->make_request(fmt::format("/?query={}", percent_encoded(statement)));
  request.set(http::field::content_encoding, "gzip");
  request.body() = gzip(body);
  request.prepare_payload();
  auto answer = connection_->post(request);
  if (!answer) {
    return answer.error();
  }
  if (!answer->empty()) {  // such as the page of a proxy
    return ServerFailure{
        true, fmt::format("the server's answer is not understood: {}", one_line(*answer))};
  }
  return {};
}

Answer<std::string> ClickHouse::Connection::post(const HttpRequest& request) {
  std::optional<HttpAnswer> answer;
  const auto attempt = [&] {
    answer.emplace();
    answer->body_limit(kMaxAnswer);
    answer->header_limit(kMaxHeader);
    return exchange(request, *answer);
  };
  const bool was_open = is_open_;
  auto error = attempt();
  const bool is_unanswered = error && answer && !answer->got_some();
  if (was_open && is_unanswered && error != beast::error::timeout) {
    error = attempt();  // the server had closed the connection, which it was about to do anyway
  }
  if (error) {
    return ServerFailure{!channel_->is_final(error), text_of(error)};
  }
  auto message = answer->release();
  is_open_ = is_open_ && message.keep_alive();
  if (const auto checked = check_answer(message.result_int(), message.body()); !checked) {
    return checked.error();
  }
  return std::move(message.body());
}

boost::system::error_code ClickHouse::Connection::exchange(const HttpRequest& request,
                                                           HttpAnswer& answer) {
  channel_->expires_after(options_.timeout);
  boost::system::error_code error;
  if (!is_open_) {
    error = open();
  }
  if (!error) {
    beast::flat_buffer buffer;
    error = wait_for([&](HttpChannel::Done done) {
      channel_->exchange(request, buffer, answer, std::move(done));
    });
  }
  is_open_ = !error;
  return error;
}

boost::system::error_code ClickHouse::Connection::open() {
  channel_->close();
  if (options_.target.tls) {  // a session of TLS cannot be used again
    make_channel();
  }
  asio::ip::tcp::resolver resolver{io_};
  asio::ip::tcp::resolver::results_type addresses;
  const auto error = wait_for([&](const HttpChannel::Done& done) {
    resolver.async_resolve(options_.target.host,
                           options_.target.port,
                           [&addresses, done](boost::system::error_code end, const auto& found) {
                             addresses = found;
                             done(end);
                           });
  });
  if (error) {
    return error;
  }
  channel_->expires_after(options_.timeout);
  return wait_for([&](HttpChannel::Done done) { channel_->open(addresses, std::move(done)); });
}

/// Runs an operation to its end. It has one: its time, or a request to stop.
boost::system::error_code ClickHouse::Connection::wait_for(
    const std::function<void(HttpChannel::Done)>& operation) {
  constexpr std::chrono::milliseconds kLookAround{100};
  std::optional<boost::system::error_code> result;
  io_.restart();
  operation([&](boost::system::error_code error) { result = error; });
  while (!result) {
    io_.run_for(kLookAround);
    if (!result && io_.stopped()) {
      io_.restart();
    }
    if (!result && options_.is_stopped()) {
      channel_->close();
    }
  }
  return *result;
}

std::string ClickHouse::Connection::text_of(boost::system::error_code error) const {
  const auto what = error == beast::error::timeout        ? std::string{"no answer in time"}
                    : error == http::error::end_of_stream ? std::string{"the connection was closed"}
                    : error == http::error::partial_message
                        ? std::string{"the answer was cut short"}
                    : error == http::error::body_limit ? std::string{"the answer is too long"}
                                                       : one_line(error.message());
  return fmt::format("{}:{}: {}", options_.target.host, options_.target.port, what);
}

}  // namespace netlog::ship
