// SPDX-License-Identifier: MIT
#include "cli/output/keys.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

namespace netlog_tests::cli_keys_test {

using netlog::cli::decode_keys;
using netlog::cli::Key;
using netlog::cli::KeyPress;
using Keys = std::vector<KeyPress>;

TEST_CASE("keys are decoded from what terminals send", "[cli]") {
  CHECK(decode_keys("q/") == Keys{{Key::character, "q"}, {Key::character, "/"}});
  CHECK(decode_keys("\x1b[A\x1bOB\x1b[C\x1b[D") ==
        Keys{{Key::up, {}}, {Key::down, {}}, {Key::right, {}}, {Key::left, {}}});
  CHECK(decode_keys("\x1b[5~\x1b[6~\x1b[H\x1b[4~") ==
        Keys{{Key::page_up, {}}, {Key::page_down, {}}, {Key::home, {}}, {Key::end, {}}});
  CHECK(decode_keys("\r\x7f\x1b") == Keys{{Key::enter, {}}, {Key::erase, {}}, {Key::escape, {}}});
  CHECK(decode_keys("\xC3\xA9\xE2\x82\xAC") ==
        Keys{{Key::character, "\xC3\xA9"}, {Key::character, "\xE2\x82\xAC"}});
}

TEST_CASE("what is no known key is left out", "[cli]") {
  CHECK(decode_keys("").empty());
  CHECK(decode_keys("\x1b[1;5Pq") == Keys{{Key::character, "q"}});
  CHECK(decode_keys("\x1b[").empty());
  CHECK(decode_keys("\x1b[99999999999999").empty());
  CHECK(decode_keys("\x01\x02").empty());
  CHECK(decode_keys("\x1a") == Keys{{Key::suspend, {}}});
  CHECK(decode_keys("\xFF\xC3").empty());
  CHECK(decode_keys("\x1bq") == Keys{{Key::escape, {}}, {Key::character, "q"}});
}

}  // namespace netlog_tests::cli_keys_test
