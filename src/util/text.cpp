// SPDX-License-Identifier: MIT
#include "util/text.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace netlog {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kQuoteLimit = 80;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (a[i] == b[j] ? 0U : 1U);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string encode(char32_t point) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | ((point >> shift) & 0x3FU));
  };
  if (point < 0x80) {
    return {static_cast<char>(point)};
  }
  if (point < 0x800) {
    return {static_cast<char>(0xC0U | point >> 6U), tail(0)};
  }
  if (point < 0x10000) {
    return {static_cast<char>(0xE0U | point >> 12U), tail(6), tail(0)};
  }
  return {static_cast<char>(0xF0U | point >> 18U), tail(12), tail(6), tail(0)};
}

}  // namespace

std::optional<double> parse_fraction(std::string_view text) {
  double value{};
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto at = text.find(separator);
    pieces.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return pieces;
    }
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (;;) {
    const auto begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) {
      return found;
    }
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(kBlank), text.size());
    found.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return out;
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4U)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{0x0f})];
  }
  return text;
}

std::string upper(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

// Well-formed sequences as of the Unicode Standard, table 3-7: no overlong forms, no surrogates,
// nothing above U+10FFFF.
CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t offset) -> unsigned {
    return at + offset < text.size() ? static_cast<unsigned char>(text[at + offset]) : 0U;
  };
  const auto lead = byte(0);
  if (lead < 0x80) {
    return at < text.size() ? CodePoint{lead, 1} : CodePoint{};
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) {
    return {};
  }
  char32_t value = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return {};
    }
    value = value << 6U | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) {
    return {};
  }
  return {value, length};
}

std::string to_utf8(std::string_view bytes, std::size_t most) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = code_point_at(bytes, at).length;
    const auto piece = length > 0 ? bytes.substr(at, length) : kReplacement;
    if (out.size() + piece.size() > most) {
      break;
    }
    out += piece;
    at += std::max(length, std::size_t{1});
  }
  return out;
}

std::string utf8_from_utf16(std::u16string_view text, std::size_t most) {
  constexpr char32_t kReplacement = 0xFFFD;
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char32_t point = text[at];
    const bool high = point >= 0xD800 && point < 0xDC00;
    const bool paired =
        high && at + 1 < text.size() && text[at + 1] >= 0xDC00 && text[at + 1] < 0xE000;
    if (paired) {
      ++at;
      point = 0x10000 + ((point - 0xD800) << 10U) + (text[at] - 0xDC00U);
    } else if (point >= 0xD800 && point < 0xE000) {
      point = kReplacement;
    }
    const auto piece = encode(point);
    if (out.size() + piece.size() > most) {
      break;
    }
    out += piece;
  }
  return out;
}

std::string utf8(const std::filesystem::path& path) {
  const auto text = path.u8string();
  return {text.begin(), text.end()};
}

std::filesystem::path path_from_utf8(std::string_view text) {
  return std::u8string{text.begin(), text.end()};
}

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kMax = 200;
  auto line = to_utf8(text, kMax);
  for (auto& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      c = ' ';
    }
  }
  return line;
}

std::string quote(std::string_view text) {
  std::string out = "'";
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    const bool printable =
        point.length > 0 && point.value >= 0x20 && (point.value < 0x7F || point.value >= 0xA1);
    const bool bidi = (point.value >= 0x200B && point.value <= 0x200F) ||
                      (point.value >= 0x202A && point.value <= 0x202E) ||
                      (point.value >= 0x2066 && point.value <= 0x2069);
    if (printable && !bidi) {
      out += text.substr(at, point.length);
      at += point.length;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
      ++at;
    }
    if (out.size() > kQuoteLimit) {
      return out + "…'";
    }
  }
  return out + "'";
}

std::optional<std::string> nearest(std::string_view text,
                                   const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  auto least = std::max<std::size_t>(text.size() / 2, 2) + 1;
  for (const auto& candidate : candidates) {
    const bool prefix = text.size() >= 2 && candidate.starts_with(text);
    const auto distance = prefix ? std::size_t{1} : edit_distance(text, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace netlog
