// SPDX-License-Identifier: MIT
#include "source/linux/traced_process.hpp"

#include "support/catch.hpp"
#include "util/byte_reader.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace netlog_tests::traced_process_test {

using namespace netlog;
using namespace netlog::source;
using namespace std::literals;

namespace {

/// As src/source/linux/bpf/processes.bpf.h lays it out.
class Record {
 public:
  explicit Record(std::uint32_t kind) {
    number<std::uint64_t>(5'000);  // time
    number<std::uint64_t>(4'000);  // start
    number(kind);
    number(77U);  // pid
    number(1U);   // parent
    number(33U);  // uid
  }
  template <typename Number>
  void number(Number value) {
    text({reinterpret_cast<const char*>(&value), sizeof value});
  }
  void text(std::string_view text) {
    const auto bytes = as_bytes(text);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void padded(std::string_view text, std::size_t size) {
    std::string whole{text};
    whole.resize(size);
    this->text(whole);
  }
  [[nodiscard]] std::vector<std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

std::vector<std::byte> image(std::uint32_t why,
                             std::uint32_t flags,
                             std::string_view exe,
                             std::string_view arguments,
                             std::string_view unified,
                             std::string_view pids) {
  Record record{1};
  record.number(why);
  record.number(flags);
  record.padded("nginx", 16);
  for (const auto part : {exe, arguments, unified, pids, ""sv, ""sv}) {
    record.number(static_cast<std::uint32_t>(part.size()));
  }
  record.padded("", 80);
  for (const auto part : {exe, arguments, unified, pids}) {
    record.text(part);
  }
  return record.bytes();
}

}  // namespace

TEST_CASE("a traced process: its executable, arguments and cgroups", "[source]") {
  const auto bytes = image(0,
                           0,
                           "nginx\0sbin\0usr\0"sv,
                           "nginx\0-g\0daemon off;\0"sv,
                           "web.service\0system.slice\0"sv,
                           ""sv);
  const auto read = read_process_report(bytes, 0);
  REQUIRE(read.has_value());
  CHECK(read->kind == ProcessReport::Kind::first_use);
  CHECK((read->process == TracedProcess{77, 4'000}));
  CHECK(read->at_ns == 5'000);
  CHECK(read->parent_pid == 1);
  CHECK(read->uid == 33);
  CHECK(read->name == "nginx");
  CHECK(read->exe == "/usr/sbin/nginx");
  CHECK(read->arguments == "nginx\0-g\0daemon off;\0"sv);
  CHECK(read->cgroups == "0::/system.slice/web.service\n");
}

TEST_CASE("a traced process that has executed a program which is deleted", "[source]") {
  const auto bytes = image(1, 1, "x\0"sv, ""sv, ""sv, "c0ffee\0docker\0"sv);
  const auto read = read_process_report(bytes, 1'000);
  REQUIRE(read.has_value());
  CHECK(read->kind == ProcessReport::Kind::executed);
  CHECK(read->exe == "/x (deleted)");
  CHECK(read->cgroups == "0::/\n1:pids:/docker/c0ffee\n");
  // In a time namespace.
  CHECK((read->process == TracedProcess{77, 5'000}));
  CHECK(read->at_ns == 6'000);
}

TEST_CASE("a traced process has ended", "[source]") {
  Record record{2};
  record.number(256U);  // exit(1)
  record.number(0U);
  record.padded("", 16 + 24 + 80);
  const auto read = read_process_report(record.bytes(), 0);
  REQUIRE(read.has_value());
  CHECK(read->kind == ProcessReport::Kind::ended);
  CHECK(read->wait_status == 256);
  CHECK((read->process == TracedProcess{77, 4'000}));
}

TEST_CASE("a traced process whose record is cut, or of another kind, is none", "[source]") {
  auto bytes = image(0, 0, "nginx\0"sv, "nginx\0"sv, "a\0"sv, ""sv);
  CHECK(read_process_report(bytes, 0).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_process_report(std::span{bytes}.first(size), 0).has_value());
  }
  CHECK_FALSE(read_process_report(image(3, 0, ""sv, ""sv, ""sv, ""sv), 0).has_value());
  bytes[16] = std::byte{9};
  CHECK_FALSE(read_process_report(bytes, 0).has_value());
}

TEST_CASE("the clock of a time namespace", "[source]") {
  CHECK(clock_shift_ns("monotonic           0         0\nboottime       864000         5\n",
                       kBootClock) == 864'000'000'000'005);
  CHECK(clock_shift_ns("boottime -3 0\n", kBootClock) == -3'000'000'000);
  CHECK(clock_shift_ns("monotonic 7 0\n", kBootClock) == 0);
  CHECK(clock_shift_ns("monotonic 7 0\n", kMonotonicClock) == 7'000'000'000);
  CHECK(clock_shift_ns("", kBootClock) == 0);
}

}  // namespace netlog_tests::traced_process_test
