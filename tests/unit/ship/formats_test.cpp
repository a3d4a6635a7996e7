// SPDX-License-Identifier: MIT
// The bytes and texts that go to a server and come from it.
#include "ship/clickhouse.hpp"
#include "ship/fleet_schema.hpp"
#include "ship/gzip.hpp"
#include "ship/position.hpp"
#include "ship/row_binary.hpp"
#include "ship/target.hpp"
#include "support/catch.hpp"

#include <limits>
#include <string>

#include <boost/beast/zlib/inflate_stream.hpp>
#include <fmt/format.h>

namespace netlog_tests::ship_formats_test {

using namespace netlog;
using namespace netlog::ship;

namespace {

std::string encoded(ColumnType type, const Cell& cell) {
  std::string row;
  append_value(row, type, cell);
  return row;
}

std::string bytes(const char* text, std::size_t size) {
  return {text, size};
}

std::string target_text(const char* url) {
  const auto target = parse_target(url);
  return target ? fmt::format("{} {} {} {}",
                              target->tls ? "tls" : "plain",
                              target->host,
                              target->port,
                              target->database)
                : target.error().context;
}

}  // namespace

TEST_CASE("append_value writes RowBinary", "[ship]") {
  CHECK(encoded(ColumnType::int64, std::int64_t{258}) == bytes("\x02\x01\0\0\0\0\0\0", 8));
  CHECK(encoded(ColumnType::int64, std::int64_t{-1}) == "\xff\xff\xff\xff\xff\xff\xff\xff");
  CHECK(encoded(ColumnType::nullable_int64, std::int64_t{1}) == bytes("\0\1\0\0\0\0\0\0\0", 9));
  CHECK(encoded(ColumnType::nullable_int64, {}) == "\1");
  CHECK(encoded(ColumnType::text, std::string{"a\0b", 3}) == bytes("\3a\0b", 4));
  CHECK(encoded(ColumnType::nullable_text, std::string{"a"}) == bytes("\0\1a", 3));
  CHECK(encoded(ColumnType::nullable_text, {}) == "\1");
  CHECK(encoded(ColumnType::text, std::string(300, 'x')) == "\xac\x02" + std::string(300, 'x'));
  CHECK(encoded(ColumnType::text, std::string(128, 'x')) == "\x80\x01" + std::string(128, 'x'));
  CHECK(encoded(ColumnType::seconds, std::int64_t{1}) == bytes("\1\0\0\0", 4));
}

TEST_CASE("append_value writes what does not fit the type as unknown, 0 or empty", "[ship]") {
  CHECK(encoded(ColumnType::nullable_int64, std::string{"x"}) == "\1");
  CHECK(encoded(ColumnType::int64, 1.5) == bytes("\0\0\0\0\0\0\0\0", 8));
  CHECK(encoded(ColumnType::text, std::int64_t{1}) == bytes("\0", 1));
  CHECK(encoded(ColumnType::nullable_text, 1.5) == "\1");
  CHECK(encoded(ColumnType::seconds, std::int64_t{-5}) == bytes("\0\0\0\0", 4));
  CHECK(encoded(ColumnType::seconds, std::numeric_limits<std::int64_t>::max()) ==
        "\x7f\xdd\xce\xff");
}

TEST_CASE("gzip makes what inflates to the same bytes", "[ship]") {
  for (const auto& text : {std::string{}, std::string{"a"}, std::string(1'000'000, 'x')}) {
    const auto packed = gzip(text);
    REQUIRE(packed.size() >= 18);
    CHECK(packed.substr(0, 3) == "\x1f\x8b\x08");
    namespace zlib = boost::beast::zlib;
    std::string unpacked(text.size() + 1, '\0');
    zlib::inflate_stream inflate;
    zlib::z_params stream;
    stream.next_in = packed.data() + 10;
    stream.avail_in = packed.size() - 18;
    stream.next_out = unpacked.data();
    stream.avail_out = unpacked.size();
    boost::system::error_code error;
    inflate.write(stream, zlib::Flush::sync, error);
    CHECK(error == zlib::error::end_of_stream);
    unpacked.resize(stream.total_out);
    CHECK(unpacked == text);
  }
  // CRC-32 and length of "a".
  CHECK(gzip("a").substr(gzip("a").size() - 8) == bytes("\x43\xbe\xb7\xe8\1\0\0\0", 8));
}

TEST_CASE("parse_target reads URLs of servers", "[ship]") {
  CHECK(target_text("clickhouse://ch:9/net_1") == "plain ch 9 net_1");
  CHECK(target_text("clickhouse://ch") == "plain ch 8123 netlog");
  CHECK(target_text("clickhouse://ch/") == "plain ch 8123 netlog");
  CHECK(target_text("clickhouses://ch.example/x/") == "tls ch.example 8443 x");
  CHECK(target_text("https://[::1]:443/x") == "tls ::1 443 x");
  CHECK(target_text("http://[::1]/x") == "plain ::1 8123 x");
}

TEST_CASE("parse_target refuses others, and shows no password", "[ship]") {
  for (const auto* const url : {"clickhouse://user:secret@ch/x", "clickhouse://secret@ch"}) {
    CHECK(target_text(url) ==
          "a name and a password do not belong into it; see --user and --password-file");
  }
  CHECK(target_text("ftp://ch") ==
        "it begins with none of clickhouse://, clickhouses://, http:// and https://");
  for (const auto* const url : {"clickhouse://",
                                "clickhouse:///x",
                                "clickhouse://a b/x",
                                "clickhouse://a\r\nb/x",
                                "clickhouse://a:0/x",
                                "clickhouse://a:65536/x",
                                "clickhouse://a:/x",
                                "clickhouse://[::1/x",
                                "clickhouse://[::1]x/x",
                                "clickhouse://a/x;y",
                                "clickhouse://a/x`y",
                                "clickhouse://a/x/y"}) {
    INFO(url);
    CHECK_FALSE(parse_target(url).has_value());
  }
}

TEST_CASE("decode_position reads what a server keeps, and nothing else", "[ship]") {
  const auto position = decode_position("1\t2\t3\t4\t5\t6\t1\t8\t9\t10\t11\t12\t0");
  REQUIRE(position.has_value());
  CHECK(*position == Position{1, 2, 3, 4, 5, 6, true, 8, 9, 10, 11, 12, false});
  for (const auto* const line : {"",
                                 "1",
                                 "1\t2\t3\t4\t5\t6\t1\t8\t9\t10\t11\t12",
                                 "1\t2\t3\t4\t5\t6\t1\t8\t9\t10\t11\t12\t0\t0",
                                 "1\t2\t3\t4\t5\t6\t1\t8\t9\t10\t11\t12\t",
                                 "1\t2\t-3\t4\t5\t6\t1\t8\t9\t10\t11\t12\t0",
                                 "1\t2\t99999999999999999999\t4\t5\t6\t1\t8\t9\t10\t11\t12\t0",
                                 "<html>"}) {
    INFO(line);
    CHECK_FALSE(decode_position(line).has_value());
  }
}

TEST_CASE("check_answer separates what may succeed later from what may not", "[ship]") {
  struct Case {
    unsigned status;
    const char* text;
    const char* meaning;
  };
  for (const auto& [status, text, meaning] :
       {Case{200, "", "success"},
        Case{200, "1\n", "success"},
        Case{200, "Code: 241, e.displayText() = DB::Exception: Memory limit", "later"},
        Case{500, "Code: 242, e.displayText() = DB::Exception: Table is read only", "later"},
        Case{500, "Code: 27, e.displayText() = DB::Exception: Cannot parse", "never"},
        Case{404, "Code: 60, e.displayText() = DB::Exception: no table", "never"},
        Case{404, "Code: 60. DB::Exception: no table", "never"},
        Case{401, "Code: 516. DB::Exception: default: Authentication failed", "never"},
        Case{401, "", "never"},
        Case{400, "<html>", "never"},
        Case{302, "", "later"},
        Case{204, "", "later"},
        Case{429, "", "later"},
        Case{502, "<html>Bad gateway</html>", "later"},
        Case{500, "Code: 99999999999999", "later"}}) {
    INFO(status << ' ' << text);
    const auto answer = check_answer(status, text);
    CHECK(std::string{answer                        ? "success"
                      : answer.error().is_temporary ? "later"
                                                    : "never"} == meaning);
  }
  CHECK(check_answer(500, "a\n\x1b[31m" + std::string(5'000, 'x')).error().message.size() < 300);
}

TEST_CASE("the tables have the columns that are read, and views for them", "[ship]") {
  const auto statements = creating_statements("db");
  CHECK(statements.front() == "CREATE DATABASE IF NOT EXISTS `db`");
  CHECK(statements.back() == "INSERT INTO `db`.netlog_schema (version) VALUES (1)");
  CHECK(insert_statement("db", position_table()) ==
        "INSERT INTO `db`.`position_rows` (`recording`, `session`, `session_started_ns`, `event`, "
        "`event_connection`, `event_at_ns`, `connection`, `is_complete`, `gap`, `coverage`, "
        "`checked_connection`, `checked_deleted`, `checked_ns`, `may_lack_rows`, `version`) FORMAT "
        "RowBinary");
}

}  // namespace netlog_tests::ship_formats_test
