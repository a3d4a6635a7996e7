// SPDX-License-Identifier: MIT
#include "record/record_decoder.hpp"

#include "support/catch.hpp"
#include "support/hex.hpp"
#include "util/byte_reader.hpp"

#include <string>
#include <utility>
#include <variant>

namespace netlog_tests::record_record_decoder_test {

using namespace netlog;
using namespace netlog::record;
using capture::RawRecord;

namespace {

constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);

RawRecord asked(std::int64_t began_ns, std::int64_t ended_ns, capture::Payload payload) {
  return RawRecord{7, Span{began_ns, ended_ns}, std::move(payload)};
}

/// A netlink message of 192.0.2.1:43210 > 198.51.100.7:443 with a cookie.
std::vector<std::byte> socket(const std::string& cookie) {
  return test::from_hex(
      "58000000 1400 0200 01000000 00000000"
      "02010000 a8ca01bb c0000201 00000000 00000000 00000000 c6336407 00000000 00000000 00000000"
      "00000000" +
      cookie + "00000000 00000000 00000000 00000000 e8030000 d12f0100");
}

std::vector<std::byte> done() {
  return test::from_hex("14000000 0300 0200 01000000 00000000 00000000");
}

capture::SockDiagDump part(std::int64_t number, bool last, std::vector<std::byte> messages) {
  return {kTcp, {true, false}, number, last, std::move(messages)};
}

RecordDecoder::TableResult decode(RecordDecoder& decoder, const RawRecord& record) {
  return decoder.decode(record, std::get<capture::SockDiagDump>(record.payload));
}

Gap gap(RecordDecoder& decoder, const RawRecord& record) {
  const auto result = decode(decoder, record);
  REQUIRE(std::holds_alternative<Gap>(result));
  return std::get<Gap>(result);
}

}  // namespace

TEST_CASE("RecordDecoder: the parts of a dump make one snapshot", "[record]") {
  RecordDecoder decoder;
  CHECK(std::holds_alternative<std::monostate>(
      decode(decoder, asked(10, 11, part(0, false, socket("01000000"))))));
  const auto result = decode(decoder, asked(10, 12, part(1, true, done())));
  REQUIRE(std::holds_alternative<RecordDecoder::Table>(result));
  const auto& table = std::get<RecordDecoder::Table>(result);
  CHECK(table.snapshot.netns == 7);
  CHECK(table.snapshot.tables == kTcp);
  CHECK(table.snapshot.covers_time_wait);
  CHECK(table.snapshot.incarnation_is_unique);
  CHECK((table.snapshot.taken == Span{10, 12}));
  REQUIRE(table.snapshot.rows.size() == 1);
  CHECK(table.snapshot.rows[0].incarnation == 1);
  CHECK(table.read_before_ns == 10);
}

TEST_CASE("RecordDecoder: a row that was active during the dump says so", "[record]") {
  constexpr std::int64_t kMs = 1'000'000;
  const auto [acked_ms, sent_ms, is_active] =
      GENERATE(table<std::uint8_t, std::uint8_t, bool>({{15, 90, true},  // 5 ms, and a timer's tick
                                                        {90, 15, true},
                                                        {16, 16, false}}));
  CAPTURE(acked_ms, sent_ms);
  std::vector<std::byte> info(160);
  info[44] = std::byte{sent_ms};   // tcpi_last_data_sent
  info[56] = std::byte{acked_ms};  // tcpi_last_ack_recv
  auto message = socket("01000000");
  message[0] = std::byte{0x58 + 164};
  const auto attribute = test::from_hex("a4000200");
  message.insert(message.end(), attribute.begin(), attribute.end());
  message.insert(message.end(), info.begin(), info.end());
  RecordDecoder decoder;
  decode(decoder, asked(100 * kMs, 101 * kMs, part(0, false, std::move(message))));
  const auto result = decode(decoder, asked(104 * kMs, 105 * kMs, part(1, true, done())));
  REQUIRE(std::holds_alternative<RecordDecoder::Table>(result));
  const auto& rows = std::get<RecordDecoder::Table>(result).snapshot.rows;
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].is_active == is_active);
}

TEST_CASE("RecordDecoder: the memory of a large table goes back once tables are small again",
          "[record]") {
  RecordDecoder decoder;
  decoder.recycle(std::vector<SocketRow>(100'000));
  decoder.recycle(std::vector<SocketRow>(10));  // of another protocol
  CHECK_FALSE(decoder.shrink());
  std::vector<SocketRow> rows(100'000);
  rows.resize(10);
  decoder.recycle(std::move(rows));
  CHECK(decoder.kept_rows() == 100'000);
  CHECK(decoder.shrink());
  CHECK(decoder.kept_rows() == 0);
  CHECK_FALSE(decoder.shrink());
}

TEST_CASE("RecordDecoder: a table that cannot be read is a gap since it was read last",
          "[record]") {
  RecordDecoder decoder;
  const auto broken = test::from_hex("58000000");
  CHECK(gap(decoder, asked(10, 11, part(0, true, broken))).from_ns == 10);
  decode(decoder, asked(20, 21, part(0, true, done())));
  const auto second = gap(decoder, asked(30, 31, part(0, true, broken)));
  CHECK(second.from_ns == 21);
  CHECK(second.to_ns == 31);
  CHECK(second.netns == 7U);
  CHECK(second.source == "sock_diag");
  CHECK(second.reason == "unreadable");
}

TEST_CASE("RecordDecoder: a dump without one of its parts is one gap", "[record]") {
  RecordDecoder decoder;
  decode(decoder, asked(40, 41, part(0, false, socket("01000000"))));
  CHECK(gap(decoder, asked(40, 42, part(2, false, socket("02000000")))).detail ==
        "part of a sock_diag dump is missing");
  CHECK(std::holds_alternative<std::monostate>(
      decode(decoder, asked(40, 43, part(3, true, done())))));
}

TEST_CASE("RecordDecoder: a gap names the source of the record that failed", "[record]") {
  const RecordDecoder decoder;
  const auto failed =
      asked(5, 6, capture::TableFailed{0, capture::RecordKind::namespace_found, "refused"});
  CHECK(decoder.unreadable(failed, 0, "refused").source == "namespaces");
  CHECK(decoder.unreadable(asked(5, 6, capture::SocketHolders{}), 0, "x").source == "procfs");
}

TEST_CASE("RecordDecoder: the counters of both families are one sample", "[record]") {
  RecordDecoder decoder;
  const auto snmp = asked(5,
                          6,
                          capture::Snmp{bytes_of("Tcp: ActiveOpens PassiveOpens\nTcp: 3 2\n"
                                                 "Udp: InDatagrams\nUdp: 10\n")});
  const auto snmp6 = asked(6, 7, capture::Snmp6{bytes_of("Udp6InDatagrams 5\n")});
  // Without the counters of IPv4 there is nothing to add to.
  CHECK_FALSE(decoder.decode(snmp6, std::get<capture::Snmp6>(snmp6.payload)).has_value());
  CHECK(decoder.take_counters().empty());
  CHECK_FALSE(decoder.decode(snmp, std::get<capture::Snmp>(snmp.payload)).has_value());
  CHECK_FALSE(decoder.decode(snmp6, std::get<capture::Snmp6>(snmp6.payload)).has_value());
  const auto counters = decoder.take_counters();
  REQUIRE(counters.size() == 1);
  CHECK(counters[0].netns == 7);
  CHECK(counters[0].at_ns == 6);
  CHECK(counters[0].active_opens == 3);
  CHECK(counters[0].in_datagrams == 15);
  CHECK(decoder.take_counters().empty());
}

}  // namespace netlog_tests::record_record_decoder_test
