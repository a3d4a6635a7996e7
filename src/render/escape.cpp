// SPDX-License-Identifier: MIT
#include "render/render.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

using Range = std::pair<char32_t, char32_t>;

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t point) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return point >= range.first && point <= range.second;
  });
}

// C0, DEL, C1; blanks other than the plain one; what Unicode calls Default_Ignorable
// (DerivedCoreProperties.txt 15.0), which contains zero-width and bidirectional controls, fillers,
// variation selectors and tags; line separators; what is drawn as nothing; private use.
constexpr std::array<Range, 33> kHarmful{
    {{0x00, 0x1F},       {0x7F, 0xA0},       {0xAD, 0xAD},       {0x34F, 0x34F},
     {0x61C, 0x61C},     {0x70F, 0x70F},     {0x115F, 0x1160},   {0x1680, 0x1680},
     {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x2000, 0x200F},   {0x2028, 0x202F},
     {0x205F, 0x206F},   {0x2800, 0x2800},   {0x3000, 0x3000},   {0x3164, 0x3164},
     {0xE000, 0xF8FF},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
     {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD},
     {0x13430, 0x1345F}, {0x16FE4, 0x16FE4}, {0x1BCA0, 0x1BCA3}, {0x1D159, 0x1D159},
     {0x1D173, 0x1D17A}, {0x1FFFE, 0x1FFFF}, {0x2FFFE, 0x2FFFF}, {0xE0000, 0xE0FFF},
     {0xF0000, 0x10FFFF}}};

// Marks that stand above or below the sign before them.
constexpr std::array<Range, 7> kCombining{{{0x300, 0x36F},
                                           {0x483, 0x489},
                                           {0x591, 0x5BD},
                                           {0x1AB0, 0x1AFF},
                                           {0x1DC0, 0x1DFF},
                                           {0x20D0, 0x20FF},
                                           {0xFE20, 0xFE2F}}};
constexpr int kMaxMarks = 3;  // of one sign; no language needs more

// Unicode 15, East Asian Width W and F, roughly.
constexpr std::array<Range, 10> kWide{{{0x1100, 0x115F},
                                       {0x2E80, 0x303E},
                                       {0x3041, 0xA4CF},
                                       {0xA960, 0xA97F},
                                       {0xAC00, 0xD7A3},
                                       {0xF900, 0xFAFF},
                                       {0xFE30, 0xFE6F},
                                       {0xFF00, 0xFF60},
                                       {0x1F300, 0x1FAFF},
                                       {0x20000, 0x3FFFD}}};

/// What netlog itself writes besides ASCII.
constexpr std::array<std::pair<char32_t, std::string_view>, 3> kInAscii{
    {{U'\u00B1', "+-"}, {U'\u00B5', "u"}, {U'\u2026', "..."}}};

}  // namespace

bool is_harmful(char32_t point) {
  const bool is_printable_ascii = point >= 0x20 && point < 0x7F;  // almost all
  return !is_printable_ascii && in(kHarmful, point);
}

std::string escape_for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  int marks = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    marks = in(kCombining, point.value) ? marks + 1 : 0;
    if (point.length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (!is_harmful(point.value) && marks <= kMaxMarks) {
      out += text.substr(at, point.length);
    } else if (point.value < 0x80) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(point.value));
    } else {
      out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(point.value));
    }
    at += std::max(point.length, std::size_t{1});
  }
  return out;
}

std::string to_ascii(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    const auto* const known = std::find_if(kInAscii.begin(), kInAscii.end(), [&](const auto& each) {
      return each.first == point.value;
    });
    if (point.length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (point.value < 0x80) {
      out += text[at];
    } else if (known != kInAscii.end()) {
      out += known->second;
    } else {
      out += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(point.value));
    }
    at += std::max(point.length, std::size_t{1});
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    if (!in(kCombining, point.value)) {
      width += in(kWide, point.value) ? 2U : 1U;
    }
    at += std::max(point.length, std::size_t{1});
  }
  return width;
}

}  // namespace netlog::render
