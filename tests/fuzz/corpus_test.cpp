// SPDX-License-Identifier: MIT
// The corpus and mutations of it, the same every time. tools/fuzz looks further.
#include "fuzz/targets.hpp"
#include "support/catch.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace netlog_tests::fuzz_corpus_test {

using namespace netlog::test;

namespace {

using Bytes = std::vector<std::byte>;

std::vector<Bytes> corpus_of(std::string_view target) {
  const char* const source = std::getenv("NETLOG_SOURCE");
  REQUIRE(source != nullptr);
  std::vector<Bytes> all;
  for (const auto& entry : std::filesystem::directory_iterator{
           std::filesystem::path{source} / "tests" / "fuzz" / "corpus" / target}) {
    std::ifstream in{entry.path(), std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    const auto bytes = std::as_bytes(std::span{text});
    all.emplace_back(bytes.begin(), bytes.end());
  }
  return all;
}

/// A mutation: bits turned, numbers made large, pieces cut out, doubled, or put elsewhere.
Bytes mutated(Bytes bytes, std::mt19937& random) {
  const auto below = [&](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>{0, end - 1}(random);
  };
  for (auto changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const auto at = below(bytes.size());
    const auto end = at + 1 + below(std::min<std::size_t>(bytes.size() - at, 16));
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = bytes.begin() + static_cast<std::ptrdiff_t>(end);
    switch (below(6)) {
      case 0:
        bytes[at] ^= static_cast<std::byte>(1U << below(8));
        break;
      case 1:
        std::fill(from, to, std::byte{0xFF});
        break;
      case 2:
        std::fill(from, to, std::byte{0});
        break;
      case 3:
        bytes.erase(from, to);
        break;
      case 4: {
        const Bytes piece{from, to};
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size())),
                     piece.begin(),
                     piece.end());
        break;
      }
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("bytes that nobody vouches for are taken or refused", "[fuzz]") {
  std::mt19937 random{20'260'101};
  for (const auto& target : fuzz_targets()) {
    CAPTURE(std::string{target.name});
    const auto corpus = corpus_of(target.name);
    REQUIRE_FALSE(corpus.empty());
    for (const auto& bytes : corpus) {
      target.take(bytes);
    }
    for (std::size_t i = 0; i < 1000; ++i) {
      target.take(mutated(corpus[i % corpus.size()], random));
    }
  }
}

}  // namespace netlog_tests::fuzz_corpus_test
