// SPDX-License-Identifier: MIT
#include "store/clip/text_search.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace netlog::store {
namespace {

constexpr unsigned kBucketBits = 20;
// Size of a bit filter that fits into the processor's cache and rules out most windows.
constexpr unsigned kFilterBits = 24;
// Command lines differ most at their beginning.
constexpr std::size_t kMaxWindows = 256;

std::uint64_t hash_at(std::string_view bytes, std::size_t at) {
  std::uint64_t window = 0;
  std::memcpy(&window, bytes.data() + at, TextSearch::kShortest);
  return window * 0x9E37'79B9'7F4A'7C15U;
}

std::size_t bucket_of(std::uint64_t hash) {
  return static_cast<std::size_t>(hash >> (64U - kBucketBits));
}

std::size_t filter_bit_of(std::uint64_t hash) {
  return static_cast<std::size_t>(hash >> (64U - kFilterBits));
}

bool belongs_to_ipv4(char c) {
  return (c >= '0' && c <= '9') || c == '.';
}

bool belongs_to_ipv6(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
         c == '.';
}

bool stands_alone(std::string_view bytes, std::size_t from, std::size_t to, bool (*belongs)(char)) {
  return from > 0 && to < bytes.size() && !belongs(bytes[from - 1]) && !belongs(bytes[to]);
}

}  // namespace

TextSearch::TextSearch()
    : filter_(std::size_t{1} << kFilterBits, false),
      buckets_(std::size_t{1} << kBucketBits, -1),
      loads_(std::size_t{1} << kBucketBits, 0) {}

std::size_t TextSearch::add(std::string text, Bounds bounds) {
  Text entry{std::move(text), bounds, 0, -1};
  if (entry.text.size() >= kShortest) {
    const auto windows = std::min(entry.text.size() - kShortest + 1, kMaxWindows);
    auto least = bucket_of(hash_at(entry.text, 0));
    for (std::size_t at = 1; at < windows && loads_[least] > 0; ++at) {
      const auto bucket = bucket_of(hash_at(entry.text, at));
      if (loads_[bucket] < loads_[least]) {
        least = bucket;
        entry.window_at = at;
      }
    }
    ++loads_[least];
    filter_[filter_bit_of(hash_at(entry.text, entry.window_at))] = true;
    entry.next = std::exchange(buckets_[least], static_cast<std::int32_t>(texts_.size()));
    longest_ = std::max(longest_, entry.text.size());
  }
  texts_.push_back(std::move(entry));
  return texts_.size() - 1;
}

bool TextSearch::is_at(const Text& text, std::string_view bytes, std::size_t at) {
  if (at < text.window_at || bytes.size() - (at - text.window_at) < text.text.size()) {
    return false;
  }
  const auto from = at - text.window_at;
  const auto to = from + text.text.size();
  if (std::memcmp(bytes.data() + from, text.text.data(), text.text.size()) != 0) {
    return false;
  }
  switch (text.bounds) {
    case Bounds::anything:
      return true;
    case Bounds::ipv4:
      return stands_alone(bytes, from, to, belongs_to_ipv4);
    case Bounds::ipv6:
      return stands_alone(bytes, from, to, belongs_to_ipv6);
  }
  return true;
}

void TextSearch::each(std::string_view bytes, const std::function<bool(std::size_t)>& found) const {
  for (std::size_t at = 0; at + kShortest <= bytes.size(); ++at) {
    const auto hash = hash_at(bytes, at);
    if (!filter_[filter_bit_of(hash)]) {
      continue;
    }
    for (auto index = buckets_[bucket_of(hash)]; index >= 0;) {
      const auto& text = texts_[static_cast<std::size_t>(index)];
      if (is_at(text, bytes, at) && !found(static_cast<std::size_t>(index))) {
        return;
      }
      index = text.next;
    }
  }
}

}  // namespace netlog::store
