// SPDX-License-Identifier: MIT
#include "store/clip/pseudonyms.hpp"

#include "store/clip/text_search.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace netlog_tests::store_pseudonyms_test {

using namespace netlog;
using namespace netlog::store;

namespace {

std::size_t common_bits(const IpAddress& a, const IpAddress& b) {
  for (std::size_t bit = 0; bit < a.size() * 8; ++bit) {
    const auto mask = static_cast<unsigned>(0x80U >> (bit % 8));
    if (((a.bytes.at(bit / 8) ^ b.bytes.at(bit / 8)) & mask) != 0) {
      return bit;
    }
  }
  return a.size() * 8;
}

/// The first of these blocks that the address is in.
const char* class_of(const IpAddress& address) {
  for (const char* const block :
       {"0.0.0.0/32",   "0.0.0.0/8",          "10.0.0.0/8",      "100.64.0.0/10",
        "127.0.0.1/32", "127.0.0.0/8",        "169.254.0.0/16",  "172.16.0.0/12",
        "192.0.2.0/24", "192.168.0.0/16",     "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4",  "255.255.255.255/32", "240.0.0.0/4",     "::/128",
        "::1/128",      "::ffff:0:0/96",      "64:ff9b::/96",    "2001:db8::/32",
        "fd00::/8",     "fc00::/8",           "fe80::/64",       "fe80::/10",
        "ff02::/16",    "ff05::/16",          "ff00::/8",        "2000::/3"}) {
    const auto range = *parse_address_range(block);
    if (range.first.family == address.family && range.first.bytes <= address.bytes &&
        address.bytes <= range.last.bytes) {
      return block;
    }
  }
  return "public";
}

/// Addresses of every class, clustered so that many have long prefixes in common.
std::vector<IpAddress> addresses(Family family, std::uint32_t seed) {
  std::mt19937 random{seed};
  std::vector<IpAddress> made;
  for (const char* const base : {"0.0.0.0",
                                 "0.1.2.3",
                                 "8.8.8.8",
                                 "10.0.0.5",
                                 "100.64.1.1",
                                 "100.63.1.1",
                                 "127.0.0.1",
                                 "127.0.0.53",
                                 "169.254.1.1",
                                 "172.16.0.1",
                                 "172.32.0.1",
                                 "192.0.2.1",
                                 "192.0.3.1",
                                 "192.168.1.1",
                                 "192.169.1.1",
                                 "198.51.100.7",
                                 "203.0.113.9",
                                 "93.184.216.34",
                                 "224.0.0.251",
                                 "255.255.255.255",
                                 "240.1.1.1",
                                 "::",
                                 "::1",
                                 "::2",
                                 "::ffff:10.0.0.5",
                                 "64:ff9b::8.8.8.8",
                                 "2001:db8::1",
                                 "2001:4860:4860::8888",
                                 "2a00:1450:4001:81b::200e",
                                 "fd12:3456:789a::1",
                                 "fc00::1",
                                 "fe80::1",
                                 "fe80:1::1",
                                 "ff02::fb",
                                 "ff05::2",
                                 "4000::1"}) {
    const auto address = *parse_address(base);
    if (address.family != family) {
      continue;
    }
    made.push_back(address);
    for (int i = 0; i < 12; ++i) {
      auto near = address;
      const auto from = random() % (near.size() * 8);
      for (auto bit = from; bit < near.size() * 8; ++bit) {
        if (random() % 2 != 0) {
          near.bytes.at(bit / 8) =
              static_cast<std::uint8_t>(near.bytes.at(bit / 8) ^ (0x80U >> (bit % 8)));
        }
      }
      made.push_back(near);
    }
  }
  return made;
}

}  // namespace

TEST_CASE("pseudonyms of addresses keep prefixes and classes, and are one for each", "[store]") {
  const auto family = GENERATE(Family::ipv4, Family::ipv6);
  const auto seed = GENERATE(range(1U, 6U));
  const Pseudonyms pseudonyms{key_of(std::to_string(seed))};
  const auto originals = addresses(family, seed);
  std::vector<IpAddress> renamed;
  for (const auto& original : originals) {
    renamed.push_back(pseudonyms.address(original));
  }
  std::size_t changed = 0;
  for (std::size_t i = 0; i < originals.size(); ++i) {
    const auto& a = originals[i];
    CAPTURE(to_string(a), to_string(renamed[i]));
    CHECK(std::string{class_of(renamed[i])} == class_of(a));
    changed += renamed[i] == a ? 0U : 1U;
    for (std::size_t j = 0; j < originals.size(); ++j) {
      const auto& b = originals[j];
      // Equal exactly when the originals are: the number of common bits says that, too.
      if (common_bits(renamed[i], renamed[j]) != common_bits(a, b) &&
          class_of(a) == std::string{class_of(b)}) {
        FAIL(to_string(a) << " and " << to_string(b));
      }
      REQUIRE((renamed[i] == renamed[j]) == (a == b));
    }
  }
  CHECK(changed > originals.size() / 2);
}

TEST_CASE("a whole private network is permuted within itself", "[store]") {
  const Pseudonyms pseudonyms{key_of("one")};
  std::set<IpAddress> seen;
  for (unsigned host = 0; host < 65'536; ++host) {
    seen.insert(pseudonyms.address(IpAddress::v4(
        192, 168, static_cast<std::uint8_t>(host / 256), static_cast<std::uint8_t>(host % 256))));
  }
  CHECK(seen.size() == 65'536);
  CHECK(to_string(*seen.begin()) == "192.168.0.0");
  CHECK(to_string(*seen.rbegin()) == "192.168.255.255");
}

TEST_CASE("addresses as text", "[store]") {
  const Pseudonyms pseudonyms{key_of("one")};
  for (const char* const own : {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::", "::1"}) {
    CHECK(pseudonyms.address_text(own) == own);
  }
  const auto v4 = pseudonyms.address_text("203.0.113.77");
  CHECK(v4 != "203.0.113.77");
  CHECK(pseudonyms.address_text("::ffff:203.0.113.77") == "::ffff:" + v4);
  const auto scoped = pseudonyms.address_text("fe80::1%eth0");
  CHECK(scoped == pseudonyms.address_text("fe80::1") + "%" + pseudonyms.text("scope", "eth0"));
  CHECK(pseudonyms.address_text("fe80::1%7") == pseudonyms.address_text("fe80::1") + "%7");
  CHECK(pseudonyms.address_text("no address") == pseudonyms.text("address", "no address"));
}

TEST_CASE("pseudonyms of texts hang on the key, the kind and the text", "[store]") {
  const Pseudonyms one{key_of("one")};
  const auto alice = one.text("user", "alice");
  CHECK(alice.size() == std::string{"user-"}.size() + 12);
  CHECK(alice == Pseudonyms{key_of("one")}.text("user", "alice"));
  CHECK(alice != one.text("user", "bob"));
  CHECK(alice.substr(4) != one.text("name", "alice").substr(4));
  CHECK(alice != Pseudonyms{key_of("two")}.text("user", "alice"));
  CHECK(random_key() != random_key());
}

namespace {

std::vector<std::size_t> found(const TextSearch& search, std::string_view bytes) {
  std::vector<std::size_t> numbers;
  search.each(bytes, [&](std::size_t number) {
    numbers.push_back(number);
    return true;
  });
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

TEST_CASE("a search for many texts finds each where it is, and nothing else", "[store]") {
  TextSearch search;
  // As command lines are: long beginnings in common.
  for (int i = 0; i < 2000; ++i) {
    search.add("/usr/bin/python3 /srv/worker --number " + std::to_string(i) + ".",
               TextSearch::Bounds::anything);
  }
  const auto user = search.add("alice7", TextSearch::Bounds::anything);
  const auto too_short = search.add("bob", TextSearch::Bounds::anything);
  CHECK(found(search, "xx/usr/bin/python3 /srv/worker --number 1234.xx") ==
        std::vector<std::size_t>{1234});
  CHECK(found(search, "/usr/bin/python3 /srv/worker --number 1999.") ==
        std::vector<std::size_t>{1999});
  CHECK(found(search, "/usr/bin/python3 /srv/worker --number 2000.").empty());
  CHECK(found(search, "bobalice7alice7") == std::vector<std::size_t>{user, user});
  CHECK(too_short == user + 1);
}

TEST_CASE("an address is searched for by itself, not within a longer one", "[store]") {
  TextSearch search;
  search.add("10.0.0.5", TextSearch::Bounds::ipv4);
  search.add("2001:db8::5", TextSearch::Bounds::ipv6);
  const auto [bytes, expected] = GENERATE(table<std::string, std::vector<std::size_t>>({
      {" 10.0.0.5 ", {0}},
      {"\x04"
       "10.0.0.5\x7f",
       {0}},
      {"[10.0.0.5:80]", {0}},
      {"::ffff:10.0.0.5 ", {0}},
      {" 110.0.0.5 ", {}},
      {" 10.0.0.51 ", {}},
      {" 10.0.0.5.6 ", {}},
      {"[2001:db8::5]", {1}},
      {" 2001:db8::5f ", {}},
      {" 12001:db8::5 ", {}},
  }));
  CAPTURE(bytes);
  CHECK(found(search, bytes) == expected);
}

}  // namespace netlog_tests::store_pseudonyms_test
