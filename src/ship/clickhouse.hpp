// SPDX-License-Identifier: MIT
#pragma once

#include "ship/http_channel.hpp"
#include "ship/server.hpp"
#include "ship/target.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

namespace netlog::ship {

struct ClickHouseOptions {
  Target target;
  std::string user;      ///< empty: the server's default
  std::string password;  ///< may be empty
  std::filesystem::path ca_file;
  std::chrono::milliseconds timeout{60'000};  ///< of a request, with its answer
  std::function<bool()> is_stopped;           ///< true ends a request that is going on
};

/// A ClickHouse server by its HTTP interface. Keeps one connection. Answers are bounded: 8 KiB of
/// header and 4 MiB of text.
class ClickHouse : public Server {
 public:
  /// @throws CommandFailed as make_tls_channel() does
  explicit ClickHouse(ClickHouseOptions options);

  Answer<std::string> run(const std::string& statement) override;
  Answer<void> insert(const std::string& statement, std::string_view body) override;

 private:
  [[nodiscard]] HttpRequest make_request(std::string_view target) const;
  Answer<std::string> post(const HttpRequest& request);
  boost::system::error_code open();
  boost::system::error_code exchange(const HttpRequest& request, HttpAnswer& answer);
  boost::system::error_code wait_for(const std::function<void(HttpChannel::Done)>& operation);
  [[nodiscard]] std::string text_of(boost::system::error_code error) const;

  ClickHouseOptions options_;
  boost::asio::io_context io_;
  std::unique_ptr<HttpChannel> channel_;
  bool is_open_ = false;
};

/// What an answer of a server with this status means: nothing for success. @param text as the
/// server wrote it
boost::system::result<void, ServerFailure> check_answer(unsigned status, std::string_view text);

}  // namespace netlog::ship
