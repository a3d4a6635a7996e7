// SPDX-License-Identifier: MIT
#pragma once

#include "ship/server.hpp"
#include "ship/target.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

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
  ClickHouse(const ClickHouse&) = delete;
  ClickHouse& operator=(const ClickHouse&) = delete;
  ~ClickHouse() override;

  Answer<std::string> run(const std::string& statement) override;
  Answer<void> insert(const std::string& statement, std::string_view body) override;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

/// What an answer of a server with this status means: nothing for success. @param text as the
/// server wrote it
boost::system::result<void, ServerFailure> check_answer(unsigned status, std::string_view text);

}  // namespace netlog::ship
