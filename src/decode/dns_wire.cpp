// SPDX-License-Identifier: MIT
#include "decode/dns_wire.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

constexpr unsigned kPointer = 0xC0;  // RFC 1035 §4.1.4: the two highest bits
constexpr std::size_t kMessageHeaderBytes = 12;
// As many as a name of 255 bytes has labels: no server writes more.
constexpr std::size_t kMaxPointers = 127;

bool is_printable(unsigned value) {
  return value >= 0x20 && value < 0x7F;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Resolvers mix the case of questions, so that answers are harder to forge.
void append_label(std::string& name, std::span<const std::byte> label) {
  if (!name.empty()) {
    name += '.';
  }
  for (const auto byte : label) {
    if (byte == std::byte{'.'}) {
      name += "\\.";
    } else if (byte == std::byte{' '}) {
      name += "\\032";
    } else if (byte >= std::byte{'A'} && byte <= std::byte{'Z'}) {
      name += static_cast<char>(byte | std::byte{0x20});
    } else {
      append_escaped(name, byte);
    }
  }
}

}  // namespace

DnsReader::DnsReader(std::span<const std::byte> message, std::size_t at)
    : message_{message}, at_{std::min(at, message.size())}, ok_{at <= message.size()} {}

std::span<const std::byte> DnsReader::take(std::size_t size) {
  if (!ok_ || remaining() < size) {
    stop();
    return {};
  }
  const auto taken = message_.subspan(at_, size);
  at_ += size;
  return taken;
}

std::string DnsReader::name() {
  std::string name;
  std::size_t bytes = 1;  // of the root
  std::size_t pointers = 0;
  std::optional<std::size_t> end;  // where the message goes on, if a pointer has been followed
  DnsReader labels{*this};
  auto begin = at_;  // of the labels that are read
  for (unsigned length = labels.u8(); length != 0; length = labels.u8()) {
    if (length >= kPointer) {
      const std::size_t to = (length - kPointer) << 8U | std::size_t{labels.u8()};
      end = end.value_or(labels.at_);
      ++pointers;
      labels.move_back(to, begin);
      begin = to;
    } else {
      append_label(name, labels.take(length));
      bytes += 1 + length;
    }
    const bool is_reserved = length > kMaxLabelBytes && length < kPointer;
    if (is_reserved || bytes > kMaxNameBytes || pointers > kMaxPointers) {
      labels.stop();  // and reads a length of zero
    }
  }
  if (!labels.ok_) {
    stop();
    return {};
  }
  at_ = end.value_or(labels.at_);
  return name.empty() ? "." : name;
}

std::uint32_t DnsReader::integer(std::size_t size) {
  std::uint32_t value = 0;
  for (const auto byte : take(size)) {
    value = value << 8U | std::to_integer<std::uint32_t>(byte);
  }
  return value;
}

void DnsReader::move_back(std::size_t to, std::size_t before) {
  if (!ok_ || to < kMessageHeaderBytes || to >= before) {
    stop();
  } else {
    at_ = to;
  }
}

void DnsReader::stop() {
  ok_ = false;
  at_ = message_.size();
}

void append_escaped(std::string& text, std::byte byte) {
  const auto value = std::to_integer<unsigned>(byte);
  if (is_printable(value) && value != '\\') {
    text += static_cast<char>(value);
  } else {
    text += fmt::format("\\{:03}", value);
  }
}

std::string cut_escaped(std::string_view text, std::size_t most) {
  std::size_t end = 0;
  while (end < text.size()) {
    const bool is_escape = text[end] == '\\' && end + 1 < text.size();
    const std::size_t length = !is_escape ? 1 : is_digit(text[end + 1]) ? 4 : 2;
    if (end + length > most) {
      break;
    }
    end += length;
  }
  return std::string{text.substr(0, end)};
}

}  // namespace netlog::decode
