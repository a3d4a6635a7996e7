// SPDX-License-Identifier: MIT
#include "model/community_id.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <string>

namespace netlog_tests::model_community_id_test {

using namespace netlog;

namespace {

Endpoint end(const char* address, std::uint16_t port) {
  return {*parse_address(address), port};
}

/// The same both ways.
std::string both_ways(Protocol protocol, const Endpoint& one, const Endpoint& other) {
  const auto id = community_id(protocol, one, other);
  CHECK(community_id(protocol, other, one) == id);
  return id;
}

}  // namespace

// baseline/baseline_deflt.json of github.com/corelight/community-id-spec, and tests of its authors'
// pycommunityid.
TEST_CASE("Community IDs of the specification", "[model]") {
  CHECK(both_ways(Protocol::tcp, end("128.232.110.120", 34855), end("66.35.250.204", 80)) ==
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
  CHECK(both_ways(Protocol::udp, end("192.168.1.52", 54585), end("8.8.8.8", 53)) ==
        "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
  CHECK(both_ways(Protocol::tcp,
                  end("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943),
                  end("2607:f8b0:400c:c03::1a", 25)) == "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
  CHECK(both_ways(Protocol::tcp, end("10.0.0.1", 10), end("10.0.0.2", 11569)) ==
        "1:SXBGMX1lBOwhhoDrZynfROxnhnM=");
}

TEST_CASE("a Community ID is that of the packets", "[model]") {
  CHECK(both_ways(Protocol::tcp,
                  end("::ffff:128.232.110.120", 34855),
                  end("::ffff:66.35.250.204", 80)) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
  CHECK(both_ways(Protocol::tcp, end("fe80::1%2", 1), end("fe80::2%2", 2)) ==
        both_ways(Protocol::tcp, end("fe80::1", 1), end("fe80::2", 2)));
  // One address on both ends: the smaller port is first.
  CHECK(both_ways(Protocol::udp, end("127.0.0.1", 53), end("127.0.0.1", 40000)) ==
        "1:gir0IfrzfLF5jsdNt5PFAnifXH0=");
}

}  // namespace netlog_tests::model_community_id_test
