// SPDX-License-Identifier: MIT
#include "render/html.hpp"

#include "render/data_json.hpp"
#include "support/catch.hpp"

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sodium.h>
#include <zlib.h>

namespace netlog_tests::render_html_test {

using namespace netlog;
using netlog::render::html_page;

namespace {

/// The texts between each pair of tags.
std::vector<std::string> between(std::string_view page,
                                 std::string_view begin,
                                 std::string_view end) {
  std::vector<std::string> found;
  for (auto at = page.find(begin); at != std::string_view::npos; at = page.find(begin, at)) {
    at += begin.size();
    const auto stop = page.find(end, at);
    found.emplace_back(page.substr(at, stop - at));
    at = stop;
  }
  return found;
}

std::string sha256(const std::string& text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::array<char, sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, 1)> text64{};
  sodium_bin2base64(text64.data(), text64.size(), hash.data(), hash.size(), 1);
  return fmt::format("'sha256-{}'", text64.data());
}

/// What a block of the page holds: 0 has the data, 1 has the reports.
std::string inflated(std::string_view page, std::size_t block = 0) {
  const auto data = between(page, R"("data":")", "\"").at(block);
  std::string bytes(data.size(), '\0');
  std::size_t size = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes
  auto* const to = reinterpret_cast<unsigned char*>(bytes.data());
  REQUIRE(sodium_base642bin(
              to, bytes.size(), data.data(), data.size(), nullptr, &size, nullptr, 1) == 0);
  std::string text(64UL << 20U, '\0');
  auto length = static_cast<uLongf>(text.size());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes
  REQUIRE(uncompress(reinterpret_cast<unsigned char*>(text.data()),
                     &length,
                     to,
                     static_cast<uLong>(size)) == Z_OK);
  text.resize(length);
  return text;
}

Incident incident_named(const std::string& name) {
  Incident incident;
  incident.host = name;
  incident.filters = "--process '" + name + "'";
  incident.completeness.note = name;
  incident.tables.push_back(Table{"connections",
                                  name,
                                  {{"process", name, Unit::none, Align::left, false}},
                                  {{name}, {Cell{}}}});
  incident.reports.push_back(Answer{"overview", incident.tables, {}});
  return incident;
}

}  // namespace

TEST_CASE("the policy of a page has the hashes of its scripts and its style, and no others",
          "[render]") {
  const auto page = html_page(incident_named("web-1"));
  const auto policy =
      between(page, R"(http-equiv="Content-Security-Policy" content=")", "\"").at(0);
  const auto hashes = between(policy, "'sha256-", "'");
  std::set<std::string> expected{sha256(between(page, "<style>", "</style>").at(0))};
  for (const auto& script : between(page, "<script>", "</script>")) {
    expected.insert(sha256(script));
  }
  std::set<std::string> found;
  for (const auto& hash : hashes) {
    found.insert(fmt::format("'sha256-{}'", hash));
  }
  CHECK(found == expected);
  CHECK(expected.size() > 5);
  CHECK_THAT(policy, Catch::Matchers::StartsWith("default-src 'none'; script-src 'sha256-"));
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(policy.find("http") == std::string::npos);
}

TEST_CASE("a page refers to no other file", "[render]") {
  auto page = html_page(incident_named("web-1"));
  for (const auto& script : between(page, "<script>", "</script>")) {
    page.erase(page.find(script), script.size());
  }
  CHECK(between(page, "src=", ">").empty());
  CHECK(between(page, "<link", ">") == std::vector<std::string>{R"( rel="icon" href="data:,")"});
  CHECK(page.find("@import") == std::string::npos);
  CHECK(page.find("<!--data-->") == std::string::npos);
  CHECK(page.find("<!--reports-->") == std::string::npos);
  CHECK(page.find("<!--scripts-->") == std::string::npos);
}

TEST_CASE("the licence of dygraphs is with its copy", "[render]") {
  CHECK_THAT(html_page(incident_named("web-1")),
             Catch::Matchers::Contains("Permission is hereby granted, free of charge"));
}

TEST_CASE("what a process or a peer can choose is no part of the markup", "[render]") {
  const std::string name = GENERATE(as<std::string>{},
                                    "</script><img src=x onerror=alert(1)>",
                                    "</title><svg onload=alert(2)>",
                                    "<!--data--><!--scripts-->",
                                    "\u202Egnp.exe\u2028\"'`",
                                    "&lt;script&gt;");
  CAPTURE(name);
  const auto plain = html_page(incident_named("web-1"));
  const auto page = html_page(incident_named(name));
  // Only the title, the data and the reports differ.
  const auto without = [](std::string text) {
    for (const auto& [begin, end] : {std::pair{"<title>", "</title>"},
                                     std::pair{R"("data":")", "\"}</script>\n<script>"},
                                     std::pair{R"("data":")", "\"}</script>\n</body>"}}) {
      const auto at = text.find(begin);
      text.erase(at, text.find(end) - at);
    }
    return text;
  };
  CHECK(without(page) == without(plain));
  CHECK(between(page, "<title>", "</title>").at(0).find('<') == std::string::npos);
  const auto blocks = between(page, R"("data":")", "\"}");
  REQUIRE(blocks.size() == 2);
  CHECK((blocks[0] + blocks[1]).find('<') == std::string::npos);
  CHECK(inflated(page, 0) == render::incident_json(incident_named(name)));
  CHECK(inflated(page, 1) == render::reports_json(incident_named(name)));
}

TEST_CASE("a name of a megabyte is in the data once", "[render]") {
  const auto page = html_page(incident_named("web-1"));
  auto incident = incident_named("web-1");
  incident.tables[0].rows.assign(3, {std::string(1'000'000, 'x')});
  const auto large = html_page(incident);
  CHECK(large.size() < page.size() + 10'000);
  CHECK_THAT(inflated(large), Catch::Matchers::Contains(R"("values":[0,0,0])"));
}

}  // namespace netlog_tests::render_html_test
