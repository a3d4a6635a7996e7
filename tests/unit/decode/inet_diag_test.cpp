// SPDX-License-Identifier: MIT
#include "decode/tables.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

#include <cstring>
#include <string>
#include <vector>

namespace netlog_tests::decode_inet_diag_test {

using namespace netlog;
using netlog::test::from_hex;
using namespace netlog::decode;

namespace {

// inet_diag_msg of 192.0.2.1:43210 > 198.51.100.7:443, ESTABLISHED, cookie 0x0102030405060708, uid
// 1000, inode 77777.
constexpr std::string_view kEstablished =
    "02 01 00 00  a8ca 01bb  c0000201 00000000 00000000 00000000  c6336407 00000000 00000000 "
    "00000000"
    "00000000  08070605 04030201  00000000 00000000 00000000  e8030000 d12f0100";

void append(std::vector<std::byte>& out, const std::vector<std::byte>& more) {
  out.insert(out.end(), more.begin(), more.end());
}

std::vector<std::byte> attribute(std::uint16_t type, const std::vector<std::byte>& value) {
  std::vector<std::byte> out(4);
  const auto length = static_cast<std::uint16_t>(4 + value.size());
  std::memcpy(out.data(), &length, 2);
  std::memcpy(out.data() + 2, &type, 2);
  append(out, value);
  out.resize((out.size() + 3) & ~std::size_t{3});
  return out;
}

std::vector<std::byte> message(std::uint16_t type,
                               std::uint16_t flags,
                               const std::vector<std::byte>& payload) {
  std::vector<std::byte> out(16);
  const auto length = static_cast<std::uint32_t>(16 + payload.size());
  std::memcpy(out.data(), &length, 4);
  std::memcpy(out.data() + 4, &type, 2);
  std::memcpy(out.data() + 6, &flags, 2);
  append(out, payload);
  out.resize((out.size() + 3) & ~std::size_t{3});
  return out;
}

const std::vector<std::byte> kNoError(4);

}  // namespace

TEST_CASE("an inet_diag_msg becomes a row", "[decode]") {
  const auto row = decode_inet_diag(from_hex(kEstablished), Protocol::tcp);
  REQUIRE(row.has_value());
  CHECK(to_string(row->tuple.local) == "192.0.2.1:43210");
  CHECK(to_string(row->tuple.remote) == "198.51.100.7:443");
  CHECK(row->state == TcpState::established);
  CHECK(row->incarnation == 0x0102030405060708);
  CHECK(row->uid == 1000U);
  CHECK(row->holder_key == 77777);
  CHECK_FALSE(row->metrics.has_value());
  CHECK_FALSE(row->offload.has_value());
}

TEST_CASE("kernel state numbers become MIB states", "[decode]") {
  using enum TcpState;
  const auto [number, state] = GENERATE(table<int, TcpState>({{1, established},
                                                              {2, syn_sent},
                                                              {3, syn_received},
                                                              {4, fin_wait_1},
                                                              {5, fin_wait_2},
                                                              {6, time_wait},
                                                              {7, closed},
                                                              {8, close_wait},
                                                              {9, last_ack},
                                                              {10, listen},
                                                              {11, closing}}));
  auto bytes = from_hex(kEstablished);
  bytes[1] = static_cast<std::byte>(number);
  CHECK(decode_inet_diag(bytes, Protocol::tcp)->state == state);
  CHECK_FALSE(decode_inet_diag(bytes, Protocol::udp)->state.has_value());
}

TEST_CASE("impossible messages are refused with the reason", "[decode]") {
  auto bytes = from_hex(kEstablished);
  bytes[1] = std::byte{13};  // BOUND_INACTIVE never leaves the kernel
  CHECK(decode_inet_diag(bytes, Protocol::tcp).error().code == errc::unknown_state);
  bytes[1] = std::byte{0};
  CHECK(decode_inet_diag(bytes, Protocol::tcp).error().code == errc::unknown_state);
  bytes = from_hex(kEstablished);
  bytes[0] = std::byte{17};
  CHECK(decode_inet_diag(bytes, Protocol::tcp).error().code == errc::unknown_family);
  for (std::size_t size = 0; size < 72; ++size) {
    CAPTURE(size);
    CHECK(decode_inet_diag(std::span{bytes}.first(size), Protocol::tcp).error().code ==
          errc::truncated);
  }
}

TEST_CASE("IPv6 link-local addresses carry their interface", "[decode]") {
  const auto row = decode_inet_diag(
      from_hex(
          "0a 01 00 00 0050 c001 fe800000000000000000000000000001 20010db8000000000000000000000002"
          "03000000 01000000 00000000 00000000 00000000 00000000 00000000 05000000"),
      Protocol::tcp);
  REQUIRE(row.has_value());
  CHECK(to_string(row->tuple.local) == "[fe80::1%3]:80");
  CHECK(to_string(row->tuple.remote) == "[2001:db8::2]:49153");
}

TEST_CASE("tcp_info gives metrics, as far as the kernel's struct goes", "[decode]") {
  std::vector<std::byte> info(232);
  const auto put = [&](std::size_t at, auto value) {
    std::memcpy(info.data() + at, &value, sizeof value);
  };
  put(68, std::uint32_t{1500});   // tcpi_rtt
  put(100, std::uint32_t{3});     // tcpi_total_retrans
  put(128, std::uint64_t{1001});  // tcpi_bytes_received
  put(136, std::uint32_t{40});    // tcpi_segs_out
  put(140, std::uint32_t{50});    // tcpi_segs_in
  put(200, std::uint64_t{5200});  // tcpi_bytes_sent
  put(208, std::uint64_t{200});   // tcpi_bytes_retrans
  auto bytes = from_hex(kEstablished);
  append(bytes, attribute(2, info));
  auto row = decode_inet_diag(bytes, Protocol::tcp);
  REQUIRE(row->metrics.has_value());
  CHECK(*row->metrics == Metrics{5000, 1001, 3, 1500, 40, 50});
  CHECK(row->offload == Offload::in_host);

  bytes[1] = std::byte{8};  // CLOSE_WAIT: the peer's FIN is counted as a byte
  CHECK(decode_inet_diag(bytes, Protocol::tcp)->metrics->bytes_received == 1000U);

  // Linux 4.1 had 192 bytes: no bytes_sent.
  info.resize(192);
  auto old = from_hex(kEstablished);
  append(old, attribute(2, info));
  row = decode_inet_diag(old, Protocol::tcp);
  CHECK_FALSE(row->metrics->bytes_sent.has_value());
  CHECK(row->metrics->retransmits == 3U);
}

TEST_CASE("how far both directions had got is read from tcp_info and the queues", "[decode]") {
  auto bytes = from_hex(kEstablished);
  bytes[60] = std::byte{4};  // idiag_wqueue
  std::vector<std::byte> info(160);
  info[2] = std::byte{5};    // tcpi_retransmits
  info[3] = std::byte{6};    // tcpi_probes
  info[44] = std::byte{7};   // tcpi_last_data_sent
  info[56] = std::byte{8};   // tcpi_last_ack_recv
  info[121] = std::byte{1};  // tcpi_bytes_acked
  info[129] = std::byte{2};  // tcpi_bytes_received
  info[152] = std::byte{9};  // tcpi_data_segs_in
  auto with_info = bytes;
  append(with_info, attribute(2, info));
  CHECK(decode_inet_diag(with_info, Protocol::tcp)->delivery ==
        Delivery{256, 512, 4, 9, 5, 6, 7, 8});
  CHECK(decode_inet_diag(with_info, Protocol::tcp)->metrics->unanswered_ms == 7U);
  // A kernel before 4.6 does not count data segments.
  info.resize(152);
  info[2] = info[3] = std::byte{0};  // no timer has run out
  append(bytes, attribute(2, info));
  CHECK_FALSE(decode_inet_diag(bytes, Protocol::tcp)->delivery.has_value());
  CHECK_FALSE(decode_inet_diag(bytes, Protocol::tcp)->metrics->unanswered_ms.has_value());
}

TEST_CASE("a connection waits for an answer since it sent what it sends again", "[decode]") {
  struct Given {
    std::uint32_t backoff;
    std::uint32_t pause_us;
    std::uint32_t sent_ms;
    std::uint32_t answered_ms;
    std::uint32_t expected_ms;
  };
  const auto given = GENERATE(Given{3, 1'600'000, 100, 3'600'000, 1'500},  // idle for an hour
                              Given{3, 1'600'000, 100, 900, 900},
                              Given{0, 200'000, 100, 3'600'000, 100},
                              // Pauses of 0.25, 0.5 … 64 s, and one of 120 s.
                              Given{10, 120'000'000, 1'000, 3'600'000, 248'750});
  std::vector<std::byte> info(160);
  info[2] = std::byte{1};  // tcpi_retransmits
  info[4] = static_cast<std::byte>(given.backoff);
  const auto put = [&](std::size_t offset, std::uint32_t value) {
    std::memcpy(info.data() + offset, &value, sizeof value);
  };
  put(8, given.pause_us);      // tcpi_rto
  put(44, given.sent_ms);      // tcpi_last_data_sent
  put(56, given.answered_ms);  // tcpi_last_ack_recv
  put(68, 50'000);             // tcpi_rtt
  auto bytes = from_hex(kEstablished);
  append(bytes, attribute(2, info));
  CAPTURE(given.backoff, given.answered_ms);
  CHECK(decode_inet_diag(bytes, Protocol::tcp)->metrics->unanswered_ms == given.expected_ms);
}

TEST_CASE("the TLS ULP gives the offload state", "[decode]") {
  // Transmit and receive mode (linux/tls.h): 2 software, 3 hardware, 4 hardware record.
  const auto [tx, rx, offload] = GENERATE(table<char, char, Offload>({{2, 2, Offload::in_host},
                                                                      {1, 1, Offload::in_host},
                                                                      {3, 2, Offload::offloaded},
                                                                      {2, 3, Offload::offloaded},
                                                                      {4, 4, Offload::offloaded}}));
  std::vector<std::byte> tls;
  append(tls, attribute(3, {static_cast<std::byte>(tx), std::byte{0}}));
  append(tls, attribute(4, {static_cast<std::byte>(rx), std::byte{0}}));
  std::vector<std::byte> ulp =
      attribute(1, {std::byte{'t'}, std::byte{'l'}, std::byte{'s'}, std::byte{0}});
  append(ulp, attribute(static_cast<std::uint16_t>(2 | 0x8000), tls));  // NLA_F_NESTED
  auto bytes = from_hex(kEstablished);
  append(bytes, attribute(2, std::vector<std::byte>(232)));
  append(bytes, attribute(19, ulp));
  CHECK(decode_inet_diag(bytes, Protocol::tcp)->offload == offload);
}

TEST_CASE("a cgroup id is read", "[decode]") {
  auto bytes = from_hex(kEstablished);
  append(bytes, attribute(21, from_hex("2a00000000000000")));
  CHECK(decode_inet_diag(bytes, Protocol::tcp)->cgroup_id == 42U);
}

TEST_CASE("a dump is whole or refused", "[decode]") {
  std::vector<std::byte> dump = message(20, 2, from_hex(kEstablished));
  append(dump, message(18, 2, from_hex(kEstablished)));
  auto without_end = dump;
  append(dump, message(3, 2, kNoError));

  std::vector<SocketRow> rows;
  REQUIRE(decode_sock_diag_end(dump, Protocol::tcp, rows).has_value());
  CHECK(rows.size() == 2);
  const auto part = decode_sock_diag_part(without_end, Protocol::tcp, rows);
  REQUIRE(part.has_value());
  CHECK_FALSE(*part);
  CHECK(rows.size() == 4);

  CHECK(decode_sock_diag_end(without_end, Protocol::tcp, rows).error().code == errc::truncated);
  for (std::size_t size = 0; size < dump.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_sock_diag_end(std::span{dump}.first(size), Protocol::tcp, rows).has_value());
  }

  auto interrupted = without_end;
  append(interrupted, message(3, 0x10 | 2, kNoError));
  CHECK(decode_sock_diag_end(interrupted, Protocol::tcp, rows).error().code == errc::interrupted);

  auto refused = without_end;
  append(refused,
         message(3, 2, from_hex("feffffff")));  // -ENOENT: a family that the kernel does not have
  CHECK(decode_sock_diag_end(refused, Protocol::tcp, rows).error().message() ==
        "sock_diag dump ended with error -2: refused by the kernel [netlog:6]");
}

TEST_CASE("bound sockets that neither connected nor listen are no connections", "[decode]") {
  auto bound = from_hex(kEstablished);
  SECTION("bound") {
    bound[1] = std::byte{7};
  }
  SECTION("about to be CLOSED: its port is given back") {
    bound[1] = std::byte{9};
    bound[4] = bound[5] = std::byte{0};
  }
  std::vector<std::byte> dump = message(20, 2, bound);
  append(dump, message(3, 2, kNoError));
  std::vector<SocketRow> rows;
  CHECK(decode_sock_diag_end(dump, Protocol::tcp, rows).has_value());
  CHECK(rows.empty());
}

TEST_CASE("destroy notices are read up to the last byte or refused", "[decode]") {
  auto notice = from_hex(kEstablished);
  append(notice, attribute(10, {std::byte{6}}));
  auto other = from_hex(kEstablished);
  append(other, attribute(10, {std::byte{17}}));
  auto bytes = message(20, 0, notice);
  append(bytes, message(20, 0, other));
  const auto rows = decode_destroy_notices(bytes);
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 2);
  CHECK(rows->at(0).tuple.protocol == Protocol::tcp);
  CHECK(rows->at(1).tuple.protocol == Protocol::udp);
  CHECK(decode_destroy_notices({})->empty());
  CHECK_FALSE(decode_destroy_notices(std::span{bytes}.first(bytes.size() - 1)).has_value());
}

}  // namespace netlog_tests::decode_inet_diag_test
