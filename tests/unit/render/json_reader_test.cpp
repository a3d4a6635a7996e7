// SPDX-License-Identifier: MIT
// What is written as JSON is what another program reads.
#include "render/render.hpp"
#include "support/catch.hpp"
#include "util/text.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <boost/json/src.hpp>

namespace netlog_tests::render_json_reader_test {

using namespace netlog;

namespace {

/// Bytes of all kinds: plain text, quotes, controls, characters of one to four bytes, parts of
/// them.
std::string random_text(std::mt19937_64& random) {
  const std::vector<std::string> pieces{"nginx",
                                        "\"",
                                        "\\",
                                        "/",
                                        "\n",
                                        std::string{"\0", 1},
                                        "\x1b[2J",
                                        "\x7F",
                                        "\xC2\x9B",
                                        "\xC3\xA9",
                                        "\xE2\x80\xAE",
                                        "\xF0\x9F\x98\x80",
                                        "\xF3\xA0\x81\x81",
                                        "\xFF",
                                        "\xE2\x80",
                                        "\xC0\x80"};
  std::string text;
  for (auto count = random() % 8; count > 0; --count) {
    text += pieces[random() % pieces.size()];
  }
  return text;
}

}  // namespace

TEST_CASE("a JSON reader gets the values that were written", "[render]") {
  const std::vector<Column> columns{{"text\"", "", Unit::none, Align::left, false},
                                    {"integer", "", Unit::count, Align::right, false},
                                    {"real", "", Unit::percent, Align::right, false},
                                    {"unknown", "", Unit::none, Align::left, false}};
  std::mt19937_64 random{1};
  for (int i = 0; i < 500; ++i) {
    const auto text = random_text(random);
    const auto integer = static_cast<std::int64_t>(random());
    const auto real = static_cast<double>(static_cast<std::int32_t>(random())) / 8;
    const auto line = render::json_row(columns, {text, integer, real, Cell{}});
    CAPTURE(line);
    const auto value = boost::json::parse(line);
    const auto& object = value.as_object();
    REQUIRE(object.size() == 4);
    CHECK(std::string{object.at("text\"").as_string().c_str(),
                      object.at("text\"").as_string().size()} == to_utf8(text, text.size() * 3));
    CHECK(object.at("integer").as_int64() == integer);
    CHECK(object.at("real").to_number<double>() == real);
    CHECK(object.at("unknown").is_null());
  }
}

}  // namespace netlog_tests::render_json_reader_test
