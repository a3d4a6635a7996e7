// SPDX-License-Identifier: MIT
#include "render/render.hpp"

#include "support/catch.hpp"

#include <sstream>

namespace netlog_tests::render_test {

using namespace netlog;
using namespace netlog::render;

namespace {

Answer answer_of(std::vector<std::vector<Cell>> rows) {
  Answer answer{"r",
                {Table{"t",
                       "Title",
                       {{"name", "name", Unit::none, Align::left, false},
                        {"peer", "peer", Unit::endpoint, Align::left, false},
                        {"bytes", "sent", Unit::bytes, Align::right, false},
                        {"extra", "extra", Unit::none, Align::left, true}},
                       std::move(rows)}},
                {}};
  answer.completeness.emplace();
  answer.completeness->recorded_to_ns = 1'000'000'000;
  answer.completeness->to_ns = 1'000'000'000;
  return answer;
}

std::string text_of(const Answer& answer, std::size_t width) {
  std::ostringstream out;
  TextStyle style;
  style.width = width;
  style.utc_offset_s = [](std::int64_t) { return 3600; };
  write_text(out, answer, style);
  return out.str();
}

}  // namespace

TEST_CASE("text is aligned, unknown is a dash, the zone is named", "[render]") {
  CHECK(text_of(answer_of({{"nginx", "[2001:db8::1]:443", std::int64_t{1234}, "x"},
                           {Cell{}, "192.0.2.1:80", Cell{}, Cell{}}}),
                0) ==
        "Title\n"
        "name   peer                 sent  extra\n"
        "nginx  [2001:db8::1]:443  1.2 kB  x\n"
        "-      192.0.2.1:80            -  -\n"
        "\n"
        "window 1970-01-01 01:00:00.000 .. 1970-01-01 01:00:01.000 +01:00 | coverage unknown | no "
        "gaps\n");
}

TEST_CASE("a narrow terminal loses the optional columns, then the ends of long texts", "[render]") {
  const auto text = text_of(
      answer_of(
          {{"a-very-long-process-name", "[2001:db8::1]:443", std::int64_t{1234}, "extra text"}}),
      40);
  std::istringstream lines{text};
  std::string title;
  std::string heading;
  std::string row;
  std::getline(lines, title);
  std::getline(lines, heading);
  std::getline(lines, row);
  CHECK(heading.find("extra") == std::string::npos);
  CHECK(display_width(row) <= 40);
  CHECK(row.find("…") != std::string::npos);
  CHECK(row.find("1.2 kB") != std::string::npos);
}

TEST_CASE("columns for which there is no room are named", "[render]") {
  auto answer = answer_of({{"nginx", "192.0.2.1:80", std::int64_t{1234}, "extra text"}});
  auto& table = answer.tables[0];
  table.columns.push_back({"why", "why", Unit::none, Align::left, true});
  table.columns.push_back({"program_only", "", Unit::none, Align::left, false});
  table.rows[0].insert(table.rows[0].end(), {"reset", std::int64_t{1}});
  CHECK_THAT(text_of(answer, 30),
             Catch::Matchers::StartsWith("Title\n"
                                         "name   peer            sent\n"
                                         "nginx  192.0.2.1:80  1.2 kB\n"
                                         "not shown in 30 columns:\n"
                                         "extra, why (all: netlog ... |\n"
                                         "less -S)\n"));
  // There is room for the second one, which is shorter.
  CHECK_THAT(text_of(answer, 36),
             netlog::test::contains_text("reset\nnot shown in 36 columns: extra"));
  for (const auto width : {std::size_t{0}, std::size_t{46}}) {
    CHECK_THAT(text_of(answer, width), !netlog::test::contains_text("not shown"));
  }
}

TEST_CASE("counts of nothing and texts that no row has are left out first", "[render]") {
  const Column name{"name", "name", Unit::none, Align::left, false};
  const auto count = [](const char* title, bool optional) {
    return Column{title, title, Unit::count, Align::right, optional};
  };
  Answer answer{"r",
                {Table{"t",
                       "Title",
                       {name,
                        count("refused", true),
                        count("reset", false),
                        count("unknown", false),
                        {"sure", "sure", Unit::none, Align::left, false}},
                       {{"a", std::int64_t{7}, std::int64_t{0}, std::int64_t{0}, Cell{}},
                        {"b", std::int64_t{0}, std::int64_t{0}, Cell{}, Cell{}}}}},
                {}};
  CHECK(text_of(answer, 24) ==
        "Title\n"
        "name  refused  reset\n"
        "a           7      0\n"
        "b           0      0\n"
        "not shown in 24 columns:\n"
        "unknown, sure (all -)\n"
        "(all: netlog ... | less\n"
        "-S)\n\n");
  CHECK_THAT(text_of(answer, 14),
             Catch::Matchers::StartsWith("Title\n"
                                         "name  refused\n"
                                         "a           7\n"
                                         "b           0\n"
                                         "not shown in\n"
                                         "14 columns:\n"
                                         "reset (all 0),\n"
                                         "unknown, sure\n"));
  CHECK_THAT(text_of(answer, 80),
             netlog::test::contains_text("name  refused  reset  unknown  sure\n"));
}

TEST_CASE("of the optional columns those stay that distinguish rows", "[render]") {
  const auto text = [](const char* title, bool optional) {
    return Column{title, title, Unit::none, Align::left, optional};
  };
  Answer answer{"r",
                {Table{"t",
                       "Title",
                       {text("process", false), text("path", true), text("user", true)},
                       {{"nginx", "/bin/nginx", "root"}, {"nginx", "/bin/nginx", "nobody"}}}},
                {}};
  CHECK_THAT(text_of(answer, 20),
             Catch::Matchers::StartsWith("Title\n"
                                         "process  user\n"
                                         "nginx    root\n"
                                         "nginx    nobody\n"
                                         "not shown in 20\n"
                                         "columns: path (all:\n"));
  answer.tables[0].rows[1][0] = "apache";
  CHECK_THAT(text_of(answer, 20), Catch::Matchers::StartsWith("Title\nprocess  path\n"));
}

TEST_CASE("a number is left out rather than cut", "[render]") {
  const Table table{"t",
                    "",
                    {{"process", "process", Unit::none, Align::left, false},
                     {"remote", "remote", Unit::endpoint, Align::left, false},
                     {"duration_ns", "duration", Unit::ns, Align::right, false}},
                    {{"python3.11", "198.51.100.7:44444", std::int64_t{11'400'000}}}};
  TextStyle style;
  style.width = 30;
  std::ostringstream out;
  render::write_text(out, Answer{"", {table}, {}}, style);
  CHECK(out.str().find("11.4") == std::string::npos);
  CHECK_THAT(out.str(), netlog::test::contains_text("not shown in 30 columns:\nduration"));
}

TEST_CASE("a table that is cut says how many rows there are", "[render]") {
  auto answer = answer_of({{"a", Cell{}, Cell{}, Cell{}}, {"b", Cell{}, Cell{}, Cell{}}});
  answer.tables[0].total = 2;
  CHECK_THAT(text_of(answer, 0), !netlog::test::contains_text("shown"));
  answer.tables[0].total = 1040;
  CHECK_THAT(text_of(answer, 0),
             netlog::test::contains_text("\n2 of 1,040 rows shown; all: --limit 1040\n"));
  answer.tables[0].has_more = true;
  CHECK_THAT(
      text_of(answer, 0),
      netlog::test::contains_text("\n2 of more than 1,040 rows shown; more: --limit 10400\n"));
}

TEST_CASE("names that occur again are renamed", "[render]") {
  using Names = std::vector<std::string>;
  const auto [names, expected] = GENERATE(table<Names, Names>({
      {{"a", "b"}, {"a", "b"}},
      {{"id", "id"}, {"id", "id_2"}},
      {{"id", "id", "id"}, {"id", "id_2", "id_3"}},
      {{"id", "id", "id_2"}, {"id", "id_3", "id_2"}},
      {{"id_2", "id", "id"}, {"id_2", "id", "id_3"}},
      {{"", ""}, {"", "_2"}},
      {{"id", "ID", "id"}, {"id", "ID", "id_2"}},
  }));
  CHECK(distinct(names) == expected);
}

TEST_CASE("text for a locale without UTF-8", "[render]") {
  const auto [text, ascii] = GENERATE(table<const char*, const char*>({
      {"plain", "plain"},
      {"±100ms", "+-100ms"},
      {"12µs…", "12us..."},
      {"caf\xC3\xA9", "caf\\u{e9}"},
      {"\xF0\x9F\x98\x80", "\\u{1f600}"},
      {"\xC3", "\\xc3"},
  }));
  CHECK(to_ascii(text) == ascii);
}

TEST_CASE("a shortened endpoint keeps its port", "[render]") {
  const auto text = text_of(
      answer_of({{"a-very-long-process-name", "[2001:db8::1234]:50443", std::int64_t{1}, "x"}}),
      36);
  CHECK(text.find("…:50443") != std::string::npos);
  CHECK(text_of(answer_of({{"a-very-long-process-name",
                            "2001:db8:1234:5678::1234 to port 443",
                            std::int64_t{1},
                            "x"}}),
                36)
            .find("… 443") != std::string::npos);
}

TEST_CASE("ports have names where the style has some", "[render]") {
  TextStyle style;
  style.service_name = [](std::uint16_t port, std::string_view protocol) {
    return port == 443 ? std::string{protocol == "udp" ? "quic" : "https"} : std::string{};
  };
  const auto [text, protocol, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"192.0.2.1:443", "tcp", "192.0.2.1:https"},
      {"192.0.2.1:443", "udp", "192.0.2.1:quic"},
      {"192.0.2.1:443", "", "192.0.2.1:https"},
      {"[2001:db8::1]:443", "tcp", "[2001:db8::1]:https"},
      {"198.51.100.7 to port 443", "tcp", "198.51.100.7 to port https"},
      {"2001:db8::1 to port 443", "tcp", "2001:db8::1 to port https"},
      {"192.0.2.1:4430", "tcp", "192.0.2.1:4430"},
      {"192.0.2.1", "tcp", "192.0.2.1"},
      {"2001:db8::443", "tcp", "2001:db8::443"},
      {"::443", "tcp", "::443"},
      {":443", "tcp", ":443"},
      {"192.0.2.1:", "tcp", "192.0.2.1:"},
      {"192.0.2.1:+443", "tcp", "192.0.2.1:+443"},
      {"192.0.2.1:99999999", "tcp", "192.0.2.1:99999999"},
      {"\x1b:443", "tcp", "\\x1b:https"},
      {"", "tcp", ""},
  }));
  CAPTURE(text, protocol);
  CHECK(cell_text(text, Unit::endpoint, style, protocol) == expected);
  CHECK(cell_text(text, Unit::endpoint, TextStyle{}, protocol) == escape_for_terminal(text));
  CHECK(cell_text(std::int64_t{443}, Unit::port, style, "tcp") == "https");
  CHECK(cell_text(std::int64_t{44'300}, Unit::port, style, "tcp") == "44300");
  CHECK(cell_text(std::int64_t{70'000}, Unit::port, style, "tcp") == "70000");
  CHECK(cell_text(Cell{}, Unit::port, style, "tcp") == "-");
}

TEST_CASE("the column `protocol` of a row is that of its ports", "[render]") {
  auto answer = answer_of({{"udp", "192.0.2.1:443", Cell{}, Cell{}}});
  answer.tables[0].columns[0].name = "protocol";
  TextStyle style;
  style.service_name = [](std::uint16_t, std::string_view protocol) {
    return "by-" + std::string{protocol};
  };
  std::ostringstream out;
  write_text(out, answer, style);
  CHECK(out.str().find("192.0.2.1:by-udp") != std::string::npos);
}

TEST_CASE("an empty table says so", "[render]") {
  CHECK(text_of(answer_of({}), 0).starts_with("Title\nnone\n\n"));
}

TEST_CASE("JSON keeps unknown, integers and text apart", "[render]") {
  std::ostringstream out;
  write_json(out, answer_of({{"a\"\\\n\xFF", Cell{}, std::int64_t{9007199254740993}, 1.5}}));
  CHECK(out.str() ==
        R"({"section":"t","name":"a\"\\\u000a�","peer":null,"bytes":9007199254740993,"extra":1.5}
{"section":"completeness","from_ns":0,"to_ns":1000000000,"recorded_from_ns":0,"recorded_to_ns":1000000000,"kernel_opens":null,"recorded_opens":null,"percent":null,"uncounted_ns":0,"gaps":0,"gaps_ns":0,"gap_reasons":[],"note":null}
)");
}

TEST_CASE("JSON is one object a line, and a table without rows none", "[render]") {
  auto answer = answer_of({{"a\nb", Cell{}, Cell{}, Cell{}}, {"c", Cell{}, Cell{}, Cell{}}});
  answer.tables.push_back(Table{"empty", "Empty", answer.tables[0].columns, {}});
  answer.completeness.reset();
  std::ostringstream out;
  write_json(out, answer);
  CHECK(out.str() == R"({"section":"t","name":"a\u000ab","peer":null,"bytes":null,"extra":null}
{"section":"t","name":"c","peer":null,"bytes":null,"extra":null}
)");
}

TEST_CASE("CSV quotes as RFC 4180 asks, and empty text is not unknown", "[render]") {
  std::ostringstream out;
  write_csv(out, answer_of({{"a,b", "say \"hi\"", Cell{}, ""}}));
  CHECK(out.str() == "name,peer,bytes,extra\r\n\"a,b\",\"say \"\"hi\"\"\",,\"\"\r\n");
}

TEST_CASE("CSV quotes formulas and controls and alters neither", "[render]") {
  const auto [text, cell] = GENERATE(table<std::string, std::string>({
      {"=cmd|' /C calc'!A0", "\"=cmd|' /C calc'!A0\""},
      {"+1", "\"+1\""},
      {"-bash", "\"-bash\""},
      {"@SUM(A1)", "\"@SUM(A1)\""},
      {"\t=1", "\"\t=1\""},
      {"a=b", "a=b"},
      {"\x1b[2J", "\"\x1b[2J\""},
      {std::string{"a\0b", 3}, std::string{"\"a\0b\"", 5}},
  }));
  CHECK(csv_row({text}) == cell + "\r\n");
  CHECK(csv_row({std::int64_t{-1}, -1.5}) == "-1,-1.5\r\n");
}

TEST_CASE("on a terminal CSV is as harmless as text", "[render]") {
  CHECK(csv_row({"\x1b[2J\xE2\x80\xAE\n", "a,b", "=1"}, CsvReader::terminal) ==
        "\\x1b[2J\\u{202e}\\x0a,\"a,b\",\"=1\"\r\n");
}

TEST_CASE("JSON escapes whatever could change a terminal, and says the same", "[render]") {
  const std::vector<Column> columns{{"name", "name", Unit::none, Align::left, false}};
  const auto [text, escaped] = GENERATE(table<std::string, std::string>({
      {"\x1b[2J", "\\u001b[2J"},
      {std::string{"a\0b", 3}, "a\\u0000b"},
      {"\x7F", "\\u007f"},
      {"\xC2\x9B", "\\u009b"},
      {"\xE2\x80\xAEgpj.exe", "\\u202egpj.exe"},
      {"\xF3\xA0\x81\x81", "\\udb40\\udc41"},  // a tag
      {"caf\xC3\xA9 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xF0\x9F\x98\x80"},
      {"\xFF\xC2", "\xEF\xBF\xBD\xEF\xBF\xBD"},
  }));
  CHECK(json_row(columns, {text}) == "{\"name\":\"" + escaped + "\"}");
}

TEST_CASE("what could change a terminal is made visible", "[render]") {
  const auto [text, escaped] = GENERATE(table<std::string, std::string>(
      {{"nginx", "nginx"},
       {"caf\xC3\xA9", "caf\xC3\xA9"},
       {"\x1b]0;x\x07", "\\x1b]0;x\\x07"},
       {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
       {"\xC2\x9B"
        "31m",
        "\\u{9b}31m"},
       {"\xE2\x80\xAEgpj.exe", "\\u{202e}gpj.exe"},
       {"a\xE2\x80\x8B"
        "b",
        "a\\u{200b}b"},
       {"\xE3\x85\xA4", "\\u{3164}"},
       {"\xE2\xA0\x80", "\\u{2800}"},
       {"\xEF\xBE\xA0", "\\u{ffa0}"},
       {"\xCD\x8F", "\\u{34f}"},
       {"a\xC2\xA0z", "a\\u{a0}z"},
       {"o\xCC\x81", "o\xCC\x81"},
       {"o\xCC\x81\xCC\x81\xCC\x81\xCC\x81", "o\xCC\x81\xCC\x81\xCC\x81\\u{301}"},
       {"\xFFx", "\\xffx"},
       {"\x7F", "\\x7f"}}));
  CHECK(escape_for_terminal(text) == escaped);
}

TEST_CASE("wide and combining characters take what terminals give them", "[render]") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("\xE6\x97\xA5\xE6\x9C\xAC") == 4);  // two ideographs
  CHECK(display_width("e\xCC\x81") == 1);                 // e and a combining acute
  CHECK(display_width("…") == 1);
}

TEST_CASE("units are written for people", "[render]") {
  const TextStyle style;
  CHECK(cell_text(std::int64_t{999}, Unit::bytes, style) == "999 B");
  CHECK(cell_text(std::int64_t{999'999}, Unit::bytes, style) == "1.0 MB");
  CHECK(cell_text(std::int64_t{12'345'678}, Unit::bytes, style) == "12 MB");
  CHECK(cell_text(std::int64_t{1'234'567}, Unit::count, style) == "1,234,567");
  CHECK(cell_text(std::int64_t{-1234}, Unit::count, style) == "-1,234");
  CHECK(cell_text(std::int64_t{1500}, Unit::us, style) == "1.5ms");
  CHECK(cell_text(99.996, Unit::percent, style) == "99.99");
  CHECK(cell_text(100.0, Unit::percent, style) == "100");
}

}  // namespace netlog_tests::render_test
