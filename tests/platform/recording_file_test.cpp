// SPDX-License-Identifier: MIT
#include "platform/recording_file.hpp"

#include "base/text.hpp"
#include "catch.hpp"
#include "scratch.hpp"

using namespace netlog;
using namespace netlog::platform;

TEST_CASE("a recording file is held by one", "[platform]") {
  const test::Scratch scratch;
  const auto path = scratch / "Aufzeichnung für €.db";
  auto first = hold_recording_file(path);
  REQUIRE(first.has_value());
  CHECK((*first)->created());
  CHECK(hold_recording_file(path).error().code ==
        boost::system::errc::resource_unavailable_try_again);
  first->reset();
  const auto again = hold_recording_file(path);
  REQUIRE(again.has_value());
  CHECK_FALSE((*again)->created());
  CHECK(utf8(path.filename()) == "Aufzeichnung für €.db");
}
