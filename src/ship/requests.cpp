// SPDX-License-Identifier: MIT
#include "ship/requests.hpp"

#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace netlog::ship {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{500};
constexpr milliseconds kLongestWait{30'000};

}  // namespace

template <typename T>
Answer<T> Requests::repeat(const std::function<Answer<T>()>& request) {
  auto wait = kFirstWait;
  milliseconds waited{0};
  while (true) {
    if (!environment_.wait(milliseconds{0})) {
      throw Stopped{};
    }
    auto answer = request();
    if (answer.has_value()) {
      if (std::exchange(in_trouble_, false)) {
        environment_.on_trouble(std::nullopt);
      }
      return answer;
    }
    // A request also fails because it is to end.
    if (!environment_.wait(milliseconds{0})) {
      throw Stopped{};
    }
    if (!answer.error().is_temporary ||
        (environment_.retry_for && waited >= *environment_.retry_for)) {
      throw CommandFailed{answer.error().message};
    }
    if (!std::exchange(in_trouble_, true)) {
      environment_.on_trouble(answer.error().message);
    }
    if (!environment_.wait(wait)) {
      throw Stopped{};
    }
    waited += wait;
    wait = std::min(wait * 2, kLongestWait);
  }
}

std::string Requests::run(const std::string& statement) {
  return *repeat<std::string>([&] { return server_.run(statement); });
}

void Requests::insert(const std::string& statement, std::string_view body) {
  repeat<void>([&] { return server_.insert(statement, body); });
}

std::string Requests::run_for_line(const std::string& statement) {
  constexpr std::size_t kMaxLine = 1'000;
  auto line = run(statement);
  if (line.ends_with('\n')) {
    line.pop_back();
  }
  if (line.find('\n') != std::string::npos || line.size() > kMaxLine) {
    throw CommandFailed{fmt::format("the server's answer is not understood: {}", quote(line))};
  }
  return line;
}

std::int64_t Requests::run_for_number(const std::string& statement) {
  const auto line = run_for_line(statement);
  const auto number = parse_number<std::int64_t>(line);
  if (!number || *number < 0) {
    throw CommandFailed{fmt::format("the server's answer is no number: {}", quote(line))};
  }
  return *number;
}

}  // namespace netlog::ship
