// SPDX-License-Identifier: MIT
#include "util/sha1.hpp"

#include "support/catch.hpp"
#include "util/text.hpp"

#include <string>
#include <string_view>

namespace netlog_tests::util_sha1_test {

using namespace netlog;

namespace {

std::string digest(std::string_view text) {
  return hex(sha1(std::as_bytes(std::span{text.data(), text.size()})));
}

}  // namespace

// The examples of FIPS 180-2, appendix A, and the empty message.
TEST_CASE("SHA-1 of the examples of its standard", "[util]") {
  CHECK(digest("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(digest(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  CHECK(digest("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

}  // namespace netlog_tests::util_sha1_test
