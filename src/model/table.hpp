// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace netlog {

/// One value of a report. monostate is unknown: `-` in text, empty in CSV, null in JSON.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;

/// What the numbers of a column mean. Text shows them in a form for people; JSON and CSV keep the
/// raw value.
enum class Unit : std::uint8_t {
  none,   ///< text or a plain number
  count,  ///< a number of things
  bytes,
  time,      ///< UTC ns since 1970
  ns,        ///< a duration
  us,        ///< a duration
  percent,   ///< 0 … 100
  endpoint,  ///< text: `192.0.2.1:80`, `[2001:db8::1]:80`, `192.0.2.1 to port 80`, no port
  port,
  sparkline,  ///< text: counts with commas between, the shape of a distribution
};

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string name;   ///< as in SQL; the key in JSON and CSV
  std::string title;  ///< for people
  Unit unit = Unit::none;
  Align align = Align::left;
  bool optional = false;  ///< for people: left out first where the terminal is narrow
  bool several =
      false;  ///< for people: shown only where its values differ, or where they count several
  bool known = false;  ///< for people: shown only where a row has a value
  bool bar = false;    ///< for people: a bar beside the number, the longest for the largest
};

/// Every row has as many cells as there are columns.
struct Table {
  std::string name;   ///< `section` in JSON
  std::string title;  ///< for people; may be empty
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::int64_t total = 0;  ///< rows that there are, where `rows` has the first ones only; else 0
  bool has_more = false;   ///< more than `total`: they were counted no further
};

/// A reason of gaps, and how long those of that reason last together.
struct GapReason {
  std::string reason;
  std::int64_t ns = 0;

  bool operator==(const GapReason&) const = default;
};

/// How complete an answer is; shown as the last line of every report.
struct Completeness {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
  std::int64_t recorded_from_ns = 0;  ///< the time that the recording holds
  std::int64_t recorded_to_ns = 0;
  Cell kernel_opens;
  Cell recorded_opens;
  Cell percent;
  std::int64_t uncounted_ns = 0;  ///< recorded time of the window that the counts do not include
  std::int64_t gaps = 0;
  std::int64_t gaps_ns = 0;  ///< length of the gaps within the window; around an instant, all of it
  std::vector<GapReason> gap_reasons;  ///< five at most, the longest first
  std::string note;  ///< what else limits the answer, such as unknown owners; may be empty
};

/// The answer of a report.
struct Answer {
  std::string report;
  std::vector<Table> tables;
  std::optional<Completeness> completeness;  ///< absent where no recording was read
  std::string about{};                       ///< the question that it answers; empty: not said
};

}  // namespace netlog
