// SPDX-License-Identifier: MIT
#include "render/html.hpp"

#include "render/data_json.hpp"
#include "render/web_files.hpp"

#include <array>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include <sodium.h>
#include <zlib.h>

namespace netlog::render {
namespace {

constexpr int kCompression = 4;  // 6 takes three times as long for 4 % less

/// Scripts in the order in which they run. The first ones begin to read the data, which goes on
/// while the browser compiles the others.
constexpr std::array<std::string_view, 10> kScripts{
    "texts", "data", "dygraph", "view", "series", "charts", "lanes", "tables", "details", "main"};

std::string_view web_file(std::string_view name) {
  for (const auto& [known, text] : kWebFiles) {
    if (known == name) {
      return text;
    }
  }
  throw std::logic_error{fmt::format("no file {} in src/web", name)};
}

std::string base64(const unsigned char* bytes, std::size_t size) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_ENCODED_LEN(size, kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes, size, kVariant);
  text.pop_back();  // the terminating zero
  return text;
}

/// `'sha256-…'`, as a Content-Security-Policy names an element's text.
std::string hash_of(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  crypto_hash_sha256(hash.data(), bytes, text.size());
  return fmt::format("'sha256-{}'", base64(hash.data(), hash.size()));
}

/// The JSON text by `deflate` of zlib (RFC 1950) and base64, in an object that says so.
std::string packed(std::string_view text) {
  auto size = compressBound(static_cast<uLong>(text.size()));
  std::vector<unsigned char> bytes(size);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): text is bytes
  const auto* const from = reinterpret_cast<const unsigned char*>(text.data());
  if (compress2(bytes.data(), &size, from, static_cast<uLong>(text.size()), kCompression) != Z_OK) {
    throw std::runtime_error{"cannot compress the data of the page: not enough memory"};
  }
  return fmt::format(R"({{"format":"netlog-page","encoding":"deflate+base64","data":"{}"}})",
                     base64(bytes.data(), size));
}

/// Text for HTML, between tags.
std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Replaces the only place of a mark.
void insert_at(std::string& page, std::string_view mark, std::string_view by) {
  const auto at = page.find(mark);
  if (at == std::string::npos) {
    throw std::logic_error{fmt::format("no {} in src/web/page.html", mark)};
  }
  page.replace(at, mark.size(), by);
}

}  // namespace

std::string_view html_missing() {
  return {};
}

std::string html_page(const Incident& incident) {
  std::string page{web_file("page")};
  std::string scripts;
  std::string hashes;
  for (const auto name : kScripts) {
    // The licence of dygraphs wants to be with every copy.
    const auto text = name == "dygraph"
                          ? fmt::format("/*\n{}*/\n{}", web_file("copyright"), web_file(name))
                          : std::string{web_file(name)};
    scripts += "<script>" + text + "</script>\n";
    hashes += " " + hash_of(text);
  }
  const std::string style{web_file("style")};
  insert_at(page,
            "<!--policy-->",
            fmt::format("default-src 'none'; script-src{}; style-src {}; img-src data:; "
                        "base-uri 'none'; form-action 'none'",
                        hashes,
                        hash_of(style)));
  insert_at(page, "<!--style-->", style);
  insert_at(page, "<!--scripts-->", scripts);
  insert_at(page,
            "<!--title-->",
            html_text(incident.host.empty() ? "netlog" : "netlog: " + incident.host));
  insert_at(page, "<!--data-->", packed(incident_json(incident)));
  insert_at(page, "<!--reports-->", packed(reports_json(incident)));
  return page;
}

}  // namespace netlog::render
