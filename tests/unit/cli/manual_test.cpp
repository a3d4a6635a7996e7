// SPDX-License-Identifier: MIT
#include "cli/help/manual.hpp"

#include "support/catch.hpp"

namespace netlog_tests::cli_manual_test {

using namespace netlog::cli;

TEST_CASE("nothing in a text is a request or an escape to roff", "[cli]") {
  const auto [text, escaped] =
      GENERATE(table<std::string, std::string>({{"plain", "plain"},
                                                {"--db", "\\-\\-db"},
                                                {".so /etc/passwd", "\\&.so /etc/passwd"},
                                                {"'so x", "\\(aqso x"},
                                                {"a\\fBb", "a\\efBb"},
                                                {"say \"x\"", "say \\(dqx\\(dq"},
                                                {"`x` ^ ~", "\\(gax\\(ga \\(ha \\(ti"},
                                                {"a\n.so b\tc", "a .so b c"},
                                                {"±µ", "\\[u00B1]\\[u00B5]"},
                                                {"\xFF", " "}}));
  CHECK(roff_escape(text) == escaped);
}

}  // namespace netlog_tests::cli_manual_test
