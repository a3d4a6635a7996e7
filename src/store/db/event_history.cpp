// SPDX-License-Identifier: MIT
#include "store/db/event_history.hpp"

#include "store/db/arithmetic.hpp"

#include <iterator>

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

}  // namespace

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
