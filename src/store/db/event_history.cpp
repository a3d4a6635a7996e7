// SPDX-License-Identifier: MIT
#include "store/db/event_history.hpp"

#include "util/arithmetic.hpp"

#include <bit>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace netlog::store {
namespace {

using Number = std::optional<std::int64_t>;

// The number form of an element: schema/tables.sql, connection.history.
constexpr std::int64_t kTimeUnit = 2'048;
constexpr std::int64_t kMaxTime = (std::int64_t{1} << 52) - 1;
constexpr std::int64_t kKindUnit = 256;
constexpr std::int64_t kMaxKind = 7;
constexpr std::int64_t kFromUnit = 16;
constexpr std::int64_t kNone = 15;

bool fits(const Number& code) {
  return !code || (*code >= 0 && *code < kNone);
}

std::string text_of(const Number& code) {
  return code ? std::to_string(*code) : "null";
}

void add_element(std::string& out,
                 const StoredEvent& event,
                 std::int64_t after_ns,
                 std::int64_t ahead) {
  const auto to = std::back_inserter(out);
  const bool is_number = event.error_ns == 0 && ahead == 0 && after_ns >= 0 &&
                         after_ns <= kMaxTime && event.kind >= 0 && event.kind <= kMaxKind &&
                         fits(event.from) && fits(event.to);
  if (is_number) {
    fmt::format_to(to,
                   "{}",
                   after_ns * kTimeUnit + event.kind * kKindUnit +
                       event.from.value_or(kNone) * kFromUnit + event.to.value_or(kNone));
    return;
  }
  fmt::format_to(to, "[{},{},{},{}", after_ns, event.kind, text_of(event.from), text_of(event.to));
  if (event.error_ns != 0 || ahead != 0) {
    fmt::format_to(to, ",{}", event.error_ns);
  }
  if (ahead != 0) {
    fmt::format_to(to, ",{}", ahead);
  }
  out += ']';
}

/// Reads a list of numbers and of lists of numbers.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : rest_{text} {}

  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

  /// A number, or `null`. @returns whether there was one of them
  bool take_number(Number& number) {
    constexpr std::string_view kNull = "null";
    if (rest_.starts_with(kNull)) {
      rest_.remove_prefix(kNull.size());
      number.reset();
      return true;
    }
    std::int64_t value = 0;
    const auto* const begin = rest_.data();
    const auto [end, error] = std::from_chars(begin, begin + rest_.size(), value);
    if (error != std::errc{}) {
      return false;
    }
    rest_.remove_prefix(static_cast<std::size_t>(end - begin));
    number = value;
    return true;
  }

  /// `1,2,null]`, after the bracket. @returns whether it was complete
  bool take_numbers(std::vector<Number>& numbers) {
    do {
      Number number;
      if (!take_number(number)) {
        return false;
      }
      numbers.push_back(number);
    } while (take(','));
    return take(']');
  }

 private:
  std::string_view rest_;
};

StoredEvent event_of_number(std::int64_t number) {
  const auto code = [&](std::int64_t unit) -> Number {
    const auto value = number / unit & kNone;
    return value == kNone ? std::nullopt : std::optional{value};
  };
  return {0,
          number / kKindUnit & kMaxKind,
          number >> std::countr_zero(static_cast<std::uint64_t>(kTimeUnit)),
          0,
          code(kFromUnit),
          code(1)};
}

StoredEvent event_of_list(std::vector<Number> numbers) {
  constexpr std::size_t kParts = 6;
  numbers.resize(kParts);
  return {numbers[5].value_or(0),
          numbers[1].value_or(0),
          numbers[0].value_or(0),
          numbers[4].value_or(0),
          numbers[2],
          numbers[3]};
}

/// One element; its id is `ahead`, its time the one after the connection was first seen.
std::optional<StoredEvent> take_element(ListReader& in) {
  if (in.take('[')) {
    std::vector<Number> numbers;
    return in.take_numbers(numbers) ? std::optional{event_of_list(std::move(numbers))}
                                    : std::nullopt;
  }
  Number number;
  return in.take_number(number) && number ? std::optional{event_of_number(*number)} : std::nullopt;
}

}  // namespace

std::vector<StoredEvent> read_history(std::string_view list,
                                      std::int64_t first_seen_ns,
                                      std::int64_t first_event) {
  std::vector<StoredEvent> events;
  ListReader in{list};
  bool goes_on = in.take('[');
  while (goes_on && events.size() < kMaxHistoryToRead) {
    auto event = take_element(in);
    if (!event) {
      return {};
    }
    event->id = wrapping_add(wrapping_add(first_event, std::ssize(events)), event->id);
    event->at_ns = wrapping_add(first_seen_ns, event->at_ns);
    events.push_back(*event);
    goes_on = in.take(',');
  }
  return in.take(']') && in.is_at_end() ? events : std::vector<StoredEvent>{};
}

HistoryPart history_after(std::span<const StoredEvent> events,
                          std::int64_t first_seen_ns,
                          std::int64_t first_event,
                          std::int64_t length) {
  HistoryPart part{{}, first_event, events.back().id};
  for (const auto& event : events) {
    part.elements += part.elements.empty() ? "" : ",";
    add_element(part.elements,
                event,
                wrapping_subtract(event.at_ns, first_seen_ns),
                wrapping_subtract(event.id, wrapping_add(first_event, length)));
    ++length;
  }
  return part;
}

HistoryPart history_of(std::span<const StoredEvent> events, std::int64_t first_seen_ns) {
  return history_after(events, first_seen_ns, events.front().id, 0);
}

}  // namespace netlog::store
