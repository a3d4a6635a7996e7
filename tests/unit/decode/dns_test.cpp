// SPDX-License-Identifier: MIT
#include "decode/dns.hpp"

#include "support/catch.hpp"
#include "support/hex.hpp"

#include <initializer_list>
#include <random>
#include <string>

namespace netlog_tests::decode_dns_test {

using namespace netlog;
using namespace netlog::decode;
using netlog::test::from_hex;

namespace {

using Bytes = std::vector<std::byte>;
using Texts = std::vector<std::string>;

constexpr unsigned kReceived = 0;
constexpr unsigned kSent = 1;
constexpr unsigned kTcp = 2;
constexpr std::size_t kHeader = 80;
constexpr std::size_t kLongestName = 1003;  // 250 bytes as \DDD, three dots

// From 192.0.2.53:53.
constexpr const char* kFromServer =
    "3856dafa09020000 1ef0000000000000 f9ffffef 02000000 00000000 00000000"
    "c0000235 000000000000000000000000 3500 02 00 00000000"
    "0000000000000000 00000000000000000000000000000000";
// The question www.example A.
constexpr const char* kWwwA = "03777777 076578616d706c65 00 0001 0001";
constexpr const char* kQuery = "1234 0100 0001 0000 0000 0000";

void put_u32(Bytes& bytes, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) {
    bytes.at(at + i) = static_cast<std::byte>(value >> (8 * i));
  }
}

Bytes joined(std::initializer_list<std::string> hex) {
  std::string all;
  for (const auto& part : hex) {
    all += part;
  }
  return from_hex(all);
}

/// A record of a packet of which the last bytes were not copied.
Bytes packet(unsigned flags, const Bytes& payload, std::size_t not_copied = 0) {
  auto bytes = from_hex(kFromServer);
  put_u32(bytes, 24, payload.size());
  put_u32(bytes, 28, payload.size() + not_copied);
  bytes.at(51) = static_cast<std::byte>(flags);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  bytes.resize((bytes.size() + 7) / 8 * 8);
  return bytes;
}

/// An answer to www.example A of a server; the first part is the header.
Bytes answer(std::initializer_list<std::string> parts) {
  return packet(kReceived, joined(parts));
}

DnsMessage only_message(const Bytes& bytes) {
  const auto decoded = decode_dns_messages(bytes);
  REQUIRE(decoded.has_value());
  REQUIRE(decoded->messages.size() == 1);
  CHECK(decoded->unreadable == 0);
  return decoded->messages.front();
}

std::int64_t unreadable_of(const Bytes& bytes) {
  const auto decoded = decode_dns_messages(bytes);
  REQUIRE(decoded.has_value());
  CHECK(decoded->messages.empty());
  return decoded->unreadable;
}

std::string name_of(const std::string& hex) {
  return only_message(packet(kSent, joined({kQuery, hex, "0001 0001"}))).name;
}

/// The text of one record of this type and data.
Texts texts_of(const std::string& type, const std::string& data) {
  const auto size = from_hex(data).size();
  const std::string digits = "0123456789abcdef";
  const std::string length{
      '0', digits[size >> 8U & 15U], digits[size >> 4U & 15U], digits[size & 15U]};
  return only_message(answer({"1234 8180 0001 0001 0000 0000",
                              "03777777 076578616d706c65 00",
                              type + "0001 c00c" + type + "0001 0000003c" + length + data}))
      .answers;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (; times > 0; --times) {
    all += text;
  }
  return all;
}

errc code_of(const Bytes& bytes) {
  const auto decoded = decode_dns_messages(bytes);
  REQUIRE_FALSE(decoded.has_value());
  return static_cast<errc>(decoded.error().code.value());
}

Bytes with_byte(Bytes bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::byte>(value);
  return bytes;
}

}  // namespace

TEST_CASE("a question of DNS has its socket, its server and its name", "[decode]") {
  const auto bytes = from_hex(
      "3856dafa09020000 1ef0000000000000 f9ffffef 02000000 1d000000 1d000000"
      "fe800000000000000000000000000035 3500 0a 01 b80b0000"
      "0066c5a40b000000 6375726c000000000000000000000000"
      "1234 0100 0001 0000 0000 0000 03777777 076578616d706c65 00 001c 0001 000000");
  DnsMessage expected;
  expected.netns = 0xEFFF'FFF9;
  expected.incarnation = 0xF01E;
  expected.at_ns = 0x0209'FADA'5638;
  expected.caller = Caller{ProcessId{3000, 5000}, 50'009'040'384, "curl"};
  expected.server = Endpoint{*parse_address("fe80::35%2"), 53};
  expected.id = 0x1234;
  expected.name = "www.example";
  expected.type = 28;
  CHECK(only_message(bytes) == expected);
}

TEST_CASE("an answer of DNS has its addresses and the smallest TTL", "[decode]") {
  DnsMessage expected;
  expected.netns = 0xEFFF'FFF9;
  expected.incarnation = 0xF01E;
  expected.at_ns = 0x0209'FADA'5638;
  expected.server = Endpoint{IpAddress::v4(192, 0, 2, 53), 53};
  expected.is_answer = true;
  expected.id = 0x1234;
  expected.name = "www.example";
  expected.type = 1;
  expected.answers = {"192.0.2.1", "192.0.2.2"};
  expected.addresses = {IpAddress::v4(192, 0, 2, 1), IpAddress::v4(192, 0, 2, 2)};
  expected.ttl_s = 60;
  CHECK(only_message(answer({"1234 8180 0001 0002 0000 0000",
                             kWwwA,
                             "c00c 0001 0001 0000012c 0004 c0000201",
                             "c00c 0001 0001 0000003c 0004 c0000202"})) == expected);
}

TEST_CASE("a server behind an IPv4-mapped address is one of IPv4", "[decode]") {
  auto bytes = packet(kSent, joined({kQuery, kWwwA}));
  const auto mapped = from_hex("00000000000000000000ffff7f000035");
  std::copy(mapped.begin(), mapped.end(), bytes.begin() + 32);
  bytes.at(50) = std::byte{10};
  CHECK(to_string(only_message(bytes).server) == "127.0.0.53:53");
}

TEST_CASE("an answer with addresses of IPv6", "[decode]") {
  const auto message =
      only_message(answer({"1234 8180 0001 0001 0000 0000",
                           "03777777 076578616d706c65 00 001c 0001",
                           "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000001"}));
  CHECK(message.answers == Texts{"2001:db8::1"});
  CHECK(message.addresses == std::vector{*parse_address("2001:db8::1")});
}

TEST_CASE("an answer is what the CNAMEs lead to, in any order", "[decode]") {
  // www.example CNAME a.example, a.example CNAME b.example, b.example A 192.0.2.1
  const std::string www = "c00c 0005 0001 0000012c 000b 0161 076578616d706c6500";
  const std::string a = "0161 c010 0005 0001 00000014 0004 0162 c010";
  const std::string b = "0162 c010 0001 0001 0000003c 0004 c0000201";
  const auto records = GENERATE_COPY(values<std::string>({www + a + b, b + a + www, a + www + b}));
  const auto message = only_message(answer({"1234 8180 0001 0003 0000 0000", kWwwA, records}));
  CHECK(message.name == "www.example");
  CHECK(message.answers == Texts{"192.0.2.1"});
  CHECK(message.addresses.size() == 1);
  CHECK(message.ttl_s == 20U);
}

TEST_CASE("CNAMEs that lead to no record have a TTL and no answer", "[decode]") {
  const auto message = only_message(answer({"1234 8180 0001 0002 0000 0000",
                                            kWwwA,
                                            "c00c 0005 0001 00000014 0004 0161 c010",
                                            "0161 c010 0005 0001 0000003c 0002 c00c"}));
  CHECK(message.answers.empty());
  CHECK(message.ttl_s == 20U);
}

TEST_CASE("a CNAME that was asked for is the answer itself", "[decode]") {
  const auto message = only_message(answer({"1234 8180 0001 0002 0000 0000",
                                            "03777777 076578616d706c65 00 0005 0001",
                                            "c00c 0005 0001 00000014 0004 0161 c010",
                                            "0161 c010 0005 0001 00000001 0004 0162 c010"}));
  CHECK(message.answers == Texts{"a.example"});
  CHECK(message.ttl_s == 20U);
}

TEST_CASE("records that the question does not lead to are not used", "[decode]") {
  const auto message =
      only_message(answer({"1234 8180 0001 0004 0000 0000",
                           kWwwA,
                           // x.example A, www.example TXT and A of CHAOS, x.example CNAME
                           "0178 c010 0001 0001 00000001 0004 c0000263",
                           "c00c 0010 0001 00000002 0002 0161",
                           "c00c 0001 0003 00000003 0004 c0000264",
                           "0178 c010 0005 0001 00000004 0002 c00c"}));
  CHECK(message.answers.empty());
  CHECK(message.addresses.empty());
  CHECK_FALSE(message.ttl_s.has_value());
}

TEST_CASE("a question for all types has the records of the name", "[decode]") {
  const auto message = only_message(answer({"1234 8180 0001 0003 0000 0000",
                                            "03777777 076578616d706c65 00 00ff 0001",
                                            "c00c 0005 0001 0000003c 0004 0161 c010",
                                            "c00c 0001 0001 0000003c 0004 c0000201",
                                            "0161 c010 0001 0001 0000003c 0004 c0000202"}));
  CHECK(message.answers == Texts{"a.example", "192.0.2.1"});
  CHECK(message.addresses.size() == 1);
}

TEST_CASE("an answer without records has its response code", "[decode]") {
  const auto [flags, rcode] =
      GENERATE(table<std::string, unsigned>({{"8180", 0}, {"8182", 2}, {"8183", 3}, {"8185", 5}}));
  const auto message = only_message(answer({"1234", flags, "0001 0000 0000 0000", kWwwA}));
  CHECK(message.rcode == rcode);
  CHECK(message.answers.empty());
  CHECK_FALSE(message.ttl_s.has_value());
}

TEST_CASE("an OPT record has the upper bits of the response code", "[decode]") {
  const std::string opt = "00 0029 04d0 01008000 0000";
  CHECK(only_message(answer({"1234 8180 0001 0000 0000 0001", kWwwA, opt})).rcode == 16);
  // Behind a record of the authority section, and one more.
  CHECK(only_message(answer({"1234 8183 0001 0000 0001 0002",
                             kWwwA,
                             "c00c 0002 0001 0000003c 0002 c00c",
                             "c00c 0001 0001 0000003c 0004 c0000201",
                             opt}))
            .rcode == 19);
  // In another section it means nothing, and neither does the root's A.
  CHECK(only_message(answer({"1234 8183 0001 0000 0001 0000", kWwwA, opt})).rcode == 3);
  CHECK(only_message(answer({"1234 8183 0001 0000 0000 0001", kWwwA, "00 0001 0001 01008000 0000"}))
            .rcode == 3);
  // A question has no response code.
  CHECK(only_message(packet(kSent, joined({"1234 0103 0001 0000 0000 0001", kWwwA, opt}))).rcode ==
        0);
}

TEST_CASE("a TTL with the highest bit is zero", "[decode]") {
  const auto message = only_message(answer({"1234 8180 0001 0002 0000 0000",
                                            kWwwA,
                                            "c00c 0001 0001 0000003c 0004 c0000201",
                                            "c00c 0001 0001 8000003c 0004 c0000202"}));
  CHECK(message.ttl_s == 0U);
}

TEST_CASE("an answer that the server has truncated has its whole records", "[decode]") {
  const auto message = only_message(
      answer({"1234 8380 0001 0002 0000 0000", kWwwA, "c00c 0001 0001 0000003c 0004 c0000201"}));
  CHECK(message.is_truncated);
  CHECK(message.answers == Texts{"192.0.2.1"});
  CHECK_FALSE(
      only_message(packet(kSent, joined({"1234 0300 0001 0000 0000 0000", kWwwA}))).is_truncated);
}

TEST_CASE("of an answer that was cut, the whole records are used", "[decode]") {
  const auto whole = joined({"1234 8180 ffff ffff ffff ffff",
                             kWwwA,
                             "c00c 0001 0001 0000003c 0004 c0000201",
                             "c00c 0001 0001 00000014 0004 c0000202"});
  auto one_question = whole;
  one_question.at(4) = std::byte{0};
  one_question.at(5) = std::byte{1};
  const std::size_t question = 12 + 17;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    const Bytes copied{one_question.begin(),
                       one_question.begin() + static_cast<std::ptrdiff_t>(size)};
    const auto bytes = packet(kReceived, copied, whole.size() - size);
    if (size < question) {
      CHECK(unreadable_of(bytes) == 1);
    } else {
      CHECK(only_message(bytes).answers.size() == (size - question) / 16);
    }
  }
}

TEST_CASE("a message that is no question and no answer is counted", "[decode]") {
  const auto [flags, payload] = GENERATE(table<unsigned, std::string>({
      {kSent, "1234 0100 0000 0000 0000 0000"},                       // no question
      {kSent, std::string{"1234 0100 0000 0000 0000 0000"} + kWwwA},  // none in the count
      {kSent, std::string{"1234 0100 0002 0000 0000 0000"} + kWwwA + kWwwA},
      {kSent, std::string{"1234 2800 0001 0000 0000 0000"} + kWwwA},      // UPDATE
      {kReceived, std::string{"1234 a180 0001 0000 0000 0000"} + kWwwA},  // NOTIFY
      {kReceived, ""},
      {kReceived, "1234 8180 0001"},
      {kSent, "1234 0100 0001 0000 0000 0000 03777777 00 0001"},
  }));
  CAPTURE(payload);
  CHECK(unreadable_of(packet(flags, from_hex(payload))) == 1);
}

TEST_CASE("what a server asks us is left out", "[decode]") {
  const auto [flags, payload] = GENERATE(table<unsigned, std::string>({
      {kSent, std::string{"1234 8180 0001 0000 0000 0000"} + kWwwA},      // our answer
      {kReceived, std::string{"1234 0100 0001 0000 0000 0000"} + kWwwA},  // its question
  }));
  const auto decoded = decode_dns_messages(packet(flags, from_hex(payload)));
  REQUIRE(decoded.has_value());
  CHECK(decoded->messages.empty());
  CHECK(decoded->unreadable == 0);
}

TEST_CASE("names have one form", "[decode]") {
  const auto [hex, name] = GENERATE(table<std::string, std::string>({
      {"00", "."},
      {"03575777 074578616d506c45 00", "www.example"},
      {"01 5f 02 2d39 00", "_.-9"},
      {"05 6120 5c 2e 62 00", "a\\032\\092\\.b"},
      {"04 00 1b 7f ff 00", "\\000\\027\\127\\255"},
      {"02 c3a9 00", "\\195\\169"},
      {"02 40 5b 00", "@["},
  }));
  CHECK(name_of(hex) == name);
}

TEST_CASE("names are as long as RFC 1035 lets them be", "[decode]") {
  const auto label = "3f" + repeated("41", 63);
  CHECK(name_of(label + "00") == std::string(63, 'a'));
  CHECK(name_of(repeated(label, 3) + "3d" + repeated("41", 61) + "00").size() == 253);
  CHECK(name_of(repeated("0161", 127) + "00").size() == 253);
  CHECK(name_of(repeated("3f" + repeated("ff", 63), 3) + "3d" + repeated("ff", 61) + "00").size() ==
        kLongestName);
  const auto too_long = GENERATE_COPY(values<std::string>({
      "40" + repeated("41", 64) + "00",
      "80" + repeated("41", 128) + "00",
      "bf" + repeated("41", 191) + "00",
      repeated(label, 3) + "3e" + repeated("41", 62) + "00",
      repeated("0161", 128) + "00",
  }));
  CHECK(unreadable_of(packet(kSent, joined({kQuery, too_long, "0001 0001"}))) == 1);
}

TEST_CASE("pointers lead back, and only to names", "[decode]") {
  // In place of the question's name, at 12.
  const auto name = GENERATE(values<std::string>({
      "c00c",                 // to itself
      "c00e 03777777 00",     // forward
      "03777777 c00c",        // to the begin of the same name
      "0161 c010 0162 c00c",  // forward and back
      "c000",                 // to the header
      "c00b",                 // to its last byte
      "ffff",                 // beyond the end
      "c0",                   // its second byte is not there
  }));
  CAPTURE(name);
  const std::string end = name == "c0" ? "" : "0001 0001";
  CHECK(unreadable_of(packet(kSent, joined({kQuery, name, end}))) == 1);
}

TEST_CASE("a pointer may lead to a pointer", "[decode]") {
  const auto message = only_message(answer({"1234 8180 0001 0002 0000 0000",
                                            kWwwA,
                                            "c00c 0001 0001 0000003c 0004 c0000201",
                                            "c01d 0001 0001 0000003c 0004 c0000202"}));
  CHECK(message.answers == Texts{"192.0.2.1", "192.0.2.2"});
}

TEST_CASE("pointers to pointers end at a bound", "[decode]") {
  // The data of a record begins with a pointer to the question's name, then each leads to the one
  // before it; the owner of the next record is the last.
  const auto message_with = [](unsigned pointers) {
    auto bytes = joined({"1234 8180 0001 0002 0000 0000", kWwwA, "c00c 0010 0001 0000003c"});
    const auto add_u16 = [&](std::size_t value) {
      bytes.push_back(static_cast<std::byte>(value >> 8U));
      bytes.push_back(static_cast<std::byte>(value));
    };
    add_u16(2 * std::size_t{pointers});
    std::size_t to = 12;
    for (unsigned i = 0; i < pointers; ++i) {
      const auto at = bytes.size();
      add_u16(0xC000 + to);
      to = at;
    }
    add_u16(0xC000 + to);
    const auto rest = from_hex("0001 0001 0000003c 0004 c0000201");
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return packet(kReceived, bytes);
  };
  CHECK(only_message(message_with(126)).answers == Texts{"192.0.2.1"});
  CHECK(only_message(message_with(127)).answers.empty());
}

TEST_CASE("the data of a record as text", "[decode]") {
  const auto [type, data, text] = GENERATE(table<std::string, std::string, std::string>({
      {"0002", "026e73 c010", "ns.example"},
      {"000c", "0161 c010", "a.example"},
      {"000f", "000a 046d61696c c010", "10 mail.example"},
      {"0021", "0000 0005 13c4 04484f5354 c010", "0 5 5060 host.example"},
      {"0010", "06 762a20313b2e 00 04 22 5c 0a 41", "\"v* 1;.\" \"\" \"\\\"\\092\\010A\""},
      {"0041", "0001 00", "\\# 3"},
      {"0001", "c00002", "\\# 3"},
      {"001c", "c0000201", "\\# 4"},
      {"0002", "026e73 c010 00", "\\# 6"},
      {"0002", "026e73 c0", "\\# 4"},
      {"000f", "00", "\\# 1"},
      {"0010", "05 41", "\\# 2"},
      {"0010", "", "\\# 0"},
  }));
  CAPTURE(data);
  CHECK(texts_of(type, data) == Texts{text});
}

TEST_CASE("long texts are cut where a byte's form ends", "[decode]") {
  CHECK(texts_of("0010", "ff" + repeated("41", 255)) == Texts{"\"" + std::string(255, 'A')});
  // 1 + 63 * 4 = 253
  CHECK(texts_of("0010", "ff" + repeated("00", 255)) == Texts{"\"" + repeated("\\000", 63)});
  CHECK(texts_of("0010", "ff" + repeated("22", 255)) == Texts{"\"" + repeated("\\\"", 127)});
}

TEST_CASE("of many answers the first 32 are listed", "[decode]") {
  const std::string record = "c00c 0001 0001 0000003c 0004 c0000201";
  const auto message_with = [&](const std::string& count, std::size_t times) {
    return only_message(
        answer({"1234 8180 0001 " + count + "0000 0000", kWwwA, repeated(record, times)}));
  };
  CHECK(message_with("0020", 32).answers == Texts(32, "192.0.2.1"));
  const auto many = message_with("0046", 70);
  CHECK(many.answers.size() == 33);
  CHECK(many.answers.back() == "+38");
  CHECK(many.addresses.size() == 64);
}

TEST_CASE("a packet of TCP has messages with their lengths", "[decode]") {
  const auto one = joined({"001d", kQuery, kWwwA});
  const auto message = only_message(packet(kSent | kTcp, one));
  CHECK(message.is_tcp);
  CHECK(message.name == "www.example");
  const auto two = joined({"001d", kQuery, kWwwA, "001d 4321 0100 0001 0000 0000 0000", kWwwA});
  const auto both = decode_dns_messages(packet(kSent | kTcp, two));
  REQUIRE(both->messages.size() == 2);
  CHECK(both->messages.front() == message);
  CHECK(both->messages.back().id == 0x4321);
  CHECK(both->unreadable == 0);
}

TEST_CASE("a packet of TCP with a part of a message", "[decode]") {
  const auto rest =
      GENERATE(values<std::string>({"00", "001d", "001d 1234 0100 0001", "001e 1234", "0000"}));
  const auto decoded =
      decode_dns_messages(packet(kSent | kTcp, joined({"001d", kQuery, kWwwA, rest})));
  CHECK(decoded->messages.size() == 1);
  CHECK(decoded->unreadable == 1);
  CHECK(only_message(packet(kSent | kTcp, joined({"001e", kQuery, kWwwA}))).name == "www.example");
  CHECK(decode_dns_messages(packet(kSent | kTcp, {}))->unreadable == 0);
}

TEST_CASE("a message of TCP that was cut has its whole records", "[decode]") {
  const auto copied = joined(
      {"003d 1234 8180 0001 0002 0000 0000", kWwwA, "c00c 0001 0001 0000003c 0004 c0000201 c00c"});
  CHECK(only_message(packet(kReceived | kTcp, copied, 14)).answers == Texts{"192.0.2.1"});
  // The packet itself has a part of it: the message goes on in the next one.
  CHECK(only_message(packet(kReceived | kTcp, copied)).answers == Texts{"192.0.2.1"});
}

TEST_CASE("DNS messages with a damaged header are refused", "[decode]") {
  const auto good = packet(kSent, joined({kQuery, kWwwA}));
  CHECK(decode_dns_messages({})->messages.empty());
  CHECK(code_of(with_byte(good, 7, 0x40)) == errc::malformed);
  CHECK(code_of(with_byte(good, 7, 0xFF)) == errc::malformed);
  CHECK(code_of(with_byte(good, 50, 3)) == errc::unknown_family);
  CHECK(code_of(with_byte(good, 28, 28)) == errc::malformed);  // more copied than there was
  CHECK(code_of(packet(kSent, Bytes(1233))) == errc::malformed);
  CHECK(unreadable_of(packet(kSent, Bytes(1232))) == 1);
  for (std::size_t size = 1; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(code_of({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}) ==
          errc::truncated);
  }
  auto second = good;
  second.insert(second.end(), good.begin(), good.end());
  CHECK(decode_dns_messages(second)->messages.size() == 2);
  CHECK(code_of(with_byte(second, good.size() + 50, 0)) == errc::unknown_family);
}

TEST_CASE("no changed byte of a DNS message makes a text too long", "[decode]") {
  const std::vector<Bytes> all{
      joined({"1234 8180 0001 0003 0000 0001",
              kWwwA,
              "c00c 0005 0001 0000012c 0004 0161 c010",
              "0161 c010 0001 0001 0000003c 0004 c0000201",
              "0161 c010 0001 0001 0000003c 0004 c0000202",
              "00 0029 04d0 00008000 0000"}),
      joined({"1234 8180 0001 0001 0000 0000 0161 00 0010 0001",
              "c00c 0010 0001 0000003c 0005 04 225c0a41"}),
      joined({"1234 8180 0001 0001 0000 0000 0161 00 0021 0001",
              "c00c 0021 0001 0000003c 000d 0000 0005 13c4 04686f7374 c00c"})};
  std::size_t decodings = 0;
  for (const auto& payload : all) {
    for (std::size_t at = 0; at < payload.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        const auto flags = kReceived | (value % 2 == 0 ? kTcp : 0U);
        const auto decoded = decode_dns_messages(packet(flags, with_byte(payload, at, value)));
        REQUIRE(decoded.has_value());
        for (const auto& message : decoded->messages) {
          REQUIRE(message.name.size() <= kLongestName);
          REQUIRE(message.answers.size() <= 33);
          for (const auto& text : message.answers) {
            REQUIRE(text.size() <= 256);
          }
        }
        ++decodings;
      }
    }
  }
  CHECK(decodings > 30'000);
}

TEST_CASE("noise in place of DNS messages is counted or refused", "[decode]") {
  std::mt19937 random{20'260'102};
  const auto good = packet(
      kReceived,
      joined({"1234 8180 0001 0001 0000 0000", kWwwA, "c00c 0001 0001 0000003c 0004 c0000201"}));
  for (int i = 0; i < 2000; ++i) {
    auto bytes = good;
    for (auto changes = random() % 4; changes < 5; ++changes) {
      bytes.at(random() % bytes.size()) = static_cast<std::byte>(random());
    }
    bytes.resize(random() % 2 == 0 ? bytes.size() : random() % bytes.size());
    const auto decoded = decode_dns_messages(bytes);
    if (decoded) {
      for (const auto& message : decoded->messages) {
        REQUIRE(message.name.size() <= kLongestName);
      }
    }
  }
}

}  // namespace netlog_tests::decode_dns_test
