// SPDX-License-Identifier: MIT
#include "render/table_layout.hpp"

#include "render/cell_text.hpp"
#include "render/shapes.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <numeric>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace netlog::render {
namespace {

constexpr std::size_t kBetween = 2;  // blanks between columns
// Text columns are shortened to these widths, one after the other, until the table fits. Endpoints
// keep more, since they distinguish the rows.
constexpr std::size_t kComfortable = 20;
constexpr std::size_t kComfortableEndpoint = 24;
constexpr std::size_t kShort = 12;
constexpr std::size_t kNarrowestEndpoint = 17;
constexpr std::size_t kNarrowest = 6;

std::string pad(const std::string& text, std::size_t width, Align align) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  return align == Align::right ? blanks + text : text + blanks;
}

// `11-21 14:03:07`
std::string brief_time(std::int64_t utc_ns, const TextStyle& style, bool date) {
  const auto text = local_time(utc_ns, style, date);
  const auto point = text.find('.');
  return text.substr(date ? 5 : 0, point - (date ? 5 : 0)) + text.substr(point + 4);
}

/// A table as text cells, with the width of each column.
class TableLayout {
 public:
  TableLayout(const Table& table, const TextStyle& style, bool dates)
      : TableLayout{table, style, dates, Form::full} {
    // If even the columns that must be shown do not fit, times lose their years and fractions.
    if (style.width > 0 && !fits_) {
      *this = TableLayout{table, style, dates, Form::brief};
    }
    if (style.width > 0) {
      narrow(style.width);
      drop_last(style.width);
    }
  }

  void write(std::ostream& out, const TextStyle& style) const {
    const bool colour = style.colour;
    const auto cut = [&](const std::string& line) {
      const std::string text{trimmed(line)};
      return style.width > 0 ? shorten(text, style.width, false, ascii_) : text;
    };
    std::string heading;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      append(heading, columns_[i].title, i);
    }
    out << (colour ? "\x1b[2m" : "") << cut(heading) << (colour ? "\x1b[0m" : "") << '\n';
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        append(line, row[i], i);
      }
      out << cut(line) << '\n';
    }
    if (!left_out_.empty()) {
      out << wrapped(fmt::format("not shown in {} columns: {} (all: netlog ... | less -S)",
                                 style.width,
                                 fmt::join(left_out_, ", ")),
                     " ",
                     style.width)
          << '\n';
    }
  }

 private:
  /// `brief`: times without years and fractions.
  enum class Form : std::uint8_t { full, brief };

  /// Optional columns that do not fit are left out.
  TableLayout(const Table& table, const TextStyle& style, bool dates, Form form)
      : columns_{table.columns}, ascii_{style.ascii} {
    for (auto& column : columns_) {
      if (const auto at = column.title.find("±"); ascii_ && at != std::string::npos) {
        column.title.replace(at, std::string_view{"±"}.size(), "+-");
      }
      widths_.push_back(display_width(column.title));
    }
    for (const auto& row : table.rows) {
      auto& cells = rows_.emplace_back();
      const auto protocol = protocol_of(columns_, row);
      for (std::size_t i = 0; i < row.size(); ++i) {
        const auto* const time =
            columns_[i].unit == Unit::time ? std::get_if<std::int64_t>(&row[i]) : nullptr;
        cells.push_back(time == nullptr       ? cell_text(row[i], columns_[i].unit, style, protocol)
                        : form == Form::brief ? brief_time(*time, style, dates)
                                              : local_time(*time, style, dates));
        widths_[i] = std::max(widths_[i], display_width(cells.back()));
      }
    }
    draw_bars(table);
    name_scripts();
    drop_undescribed();
    if (style.width > 0) {
      leave_out(style.width);
    }
  }

  [[nodiscard]] std::size_t total() const {
    const auto gaps = widths_.empty() ? 0 : (widths_.size() - 1) * kBetween;
    return std::accumulate(widths_.begin(), widths_.end(), gaps);
  }

  /// A number that is cut is another number: the last columns go as a whole.
  void drop_last(std::size_t width) {
    while (columns_.size() > 1 && total() > width && !is_text(columns_.back())) {
      left_out_.push_back(columns_.back().title);
      drop(columns_.size() - 1);
    }
  }

  /// The width of a column when its texts are shortened to a comfortable width.
  [[nodiscard]] std::size_t least(std::size_t column) const {
    const auto comfortable =
        columns_[column].unit == Unit::endpoint ? kComfortableEndpoint : kComfortable;
    return is_text(columns_[column]) ? std::min(widths_[column], comfortable) : widths_[column];
  }

  static bool is_text(const Column& column) {
    return column.unit == Unit::endpoint ||
           (column.align == Align::left && column.unit == Unit::none);
  }

  void draw_bars(const Table& table) {
    for (std::size_t i = columns_.size(); i-- > 0;) {
      if (!columns_[i].bar) {
        continue;
      }
      const auto value = [&](std::size_t row) {
        const auto* const number = std::get_if<std::int64_t>(&table.rows[row][i]);
        return number == nullptr ? 0 : *number;
      };
      std::int64_t most = 0;
      for (std::size_t row = 0; row < table.rows.size(); ++row) {
        most = std::max(most, value(row));
      }
      const auto at = static_cast<std::ptrdiff_t>(i + 1);
      columns_.insert(columns_.begin() + at,
                      Column{"", "shape", Unit::sparkline, Align::left, true});
      widths_.insert(widths_.begin() + at, kBarWidth);
      for (std::size_t row = 0; row < rows_.size(); ++row) {
        rows_[row].insert(rows_[row].begin() + at, bar(value(row), most, ascii_));
      }
    }
  }

  // People know an interpreter by the script that it runs. Both have columns of their own
  // elsewhere.
  void name_scripts() {
    const auto place = [&](std::string_view name) {
      const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const auto& column) {
        return column.name == name;
      });
      return static_cast<std::size_t>(found - columns_.begin());
    };
    const auto process = place("process");
    const auto script = place("script");
    if (process == columns_.size() || script == columns_.size()) {
      return;
    }
    widths_[process] = display_width(columns_[process].title);
    for (auto& row : rows_) {
      if (row[script] != "-") {
        row[process] = row[script];
      }
      widths_[process] = std::max(widths_[process], display_width(row[process]));
    }
    columns_[script].title.clear();
  }

  // Columns without a title are for programs only.
  void drop_undescribed() {
    for (std::size_t i = columns_.size(); i-- > 0;) {
      if (columns_[i].title.empty()) {
        drop(i);
      }
    }
  }

  /// What a column says, the least first.
  enum class Weight : std::uint8_t { nothing, more, distinct, must };

  // Keeps the columns that must be shown, and each other one for which there is room: first those
  // that distinguish rows, then the other optional ones, then those that say nothing.
  void leave_out(std::size_t width) {
    std::vector<Weight> weights;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      weights.push_back(says_nothing(i)        ? Weight::nothing
                        : columns_[i].optional ? Weight::more
                                               : Weight::must);
    }
    find_distinct(weights);
    std::vector<bool> kept(columns_.size());
    std::size_t used = 0;
    for (const auto weight : {Weight::must, Weight::distinct, Weight::more, Weight::nothing}) {
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (weights[i] == weight) {
          kept[i] = weight == Weight::must || used + least(i) <= width;
          used += kept[i] ? kBetween + least(i) : 0;
        }
      }
      fits_ = weight == Weight::must ? used <= width + kBetween : fits_;
    }
    drop_all_but(kept);
  }

  void drop_all_but(const std::vector<bool>& kept) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!kept[i] && !columns_[i].name.empty()) {  // the shape of a bar has none
        const bool alike = says_nothing(i) && all_cells_are(i, {rows_.front()[i]});
        left_out_.push_back(columns_[i].title +
                            (alike ? fmt::format(" (all {})", rows_.front()[i]) : ""));
      }
    }
    for (std::size_t i = columns_.size(); i-- > 0;) {
      if (!kept[i]) {
        drop(i);
      }
    }
  }

  /// Counts of nothing, and texts that no row has.
  [[nodiscard]] bool says_nothing(std::size_t column) const {
    return columns_[column].unit == Unit::count
               ? all_cells_are(column, {"0", "-"})
               : is_text(columns_[column]) && all_cells_are(column, {"-"});
  }
  [[nodiscard]] bool all_cells_are(std::size_t column,
                                   std::initializer_list<std::string_view> texts) const {
    return std::all_of(rows_.begin(), rows_.end(), [&](const auto& row) {
      return std::find(texts.begin(), texts.end(), row[column]) != texts.end();
    });
  }

  // Names of which an optional one distinguishes rows that would look the same without it.
  void find_distinct(std::vector<Weight>& weights) const {
    std::vector<std::string> shown(rows_.size());
    const auto show = [&](std::size_t column) {
      for (std::size_t row = 0; row < rows_.size(); ++row) {
        shown[row] += rows_[row][column] + "\n";
      }
    };
    const auto is_name = [&](std::size_t column) {
      return is_text(columns_[column]) || columns_[column].unit == Unit::none ||
             columns_[column].unit == Unit::port;
    };
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (weights[i] == Weight::must && is_name(i)) {
        show(i);
      }
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (weights[i] != Weight::more || !is_name(i)) {
        continue;
      }
      std::map<std::string_view, std::string_view> first;
      bool distinguishes = false;
      for (std::size_t row = 0; row < rows_.size(); ++row) {
        const auto& cell = rows_[row][i];
        distinguishes = distinguishes || first.emplace(shown[row], cell).first->second != cell;
      }
      if (distinguishes) {
        weights[i] = Weight::distinct;
        first.clear();
        show(i);
      }
    }
  }

  void drop(std::size_t column) {
    const auto at = static_cast<std::ptrdiff_t>(column);
    columns_.erase(columns_.begin() + at);
    widths_.erase(widths_.begin() + at);
    for (auto& row : rows_) {
      row.erase(row.begin() + at);
    }
  }

  // Shortens long texts first, and short ones (a state, a direction) only if that is not enough.
  void narrow(std::size_t width) {
    narrow_to(width, kComfortable, kComfortableEndpoint);
    narrow_to(width, kShort, kNarrowestEndpoint);
    narrow_to(width, kNarrowest, kNarrowestEndpoint);
  }

  // Shortens the widest text column until the table fits or all are as narrow as they may be.
  void narrow_to(std::size_t width, std::size_t text_width, std::size_t endpoint_width) {
    while (total() > width) {
      std::size_t widest = columns_.size();
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const bool endpoint = columns_[i].unit == Unit::endpoint;
        if (is_text(columns_[i]) && widths_[i] > (endpoint ? endpoint_width : text_width) &&
            (widest == columns_.size() || widths_[i] > widths_[widest])) {
          widest = i;
        }
      }
      if (widest == columns_.size()) {
        return;
      }
      --widths_[widest];
    }
  }

  void append(std::string& line, const std::string& cell, std::size_t column) const {
    if (column > 0) {
      line.append(kBetween, ' ');
    }
    const bool endpoint = columns_[column].unit == Unit::endpoint;
    line += pad(
        shorten(cell, widths_[column], endpoint, ascii_), widths_[column], columns_[column].align);
  }

  static std::string_view trimmed(std::string_view line) {
    return line.substr(0, line.find_last_not_of(' ') + 1);
  }

  std::vector<Column> columns_;
  std::vector<std::string> left_out_;  ///< titles of columns for which there is no room
  bool fits_ = true;                   ///< the columns that must be shown
  bool ascii_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace

void write_table(std::ostream& out, const Table& table, const TextStyle& style, bool dates) {
  TableLayout{table, style, dates}.write(out, style);
  const auto shown = static_cast<std::int64_t>(table.rows.size());
  if (table.has_more) {
    constexpr std::int64_t kMore = 10;
    out << fmt::format("{} of more than {} rows shown; more: --limit {}\n",
                       thousands(shown),
                       thousands(table.total),
                       kMore * table.total);
  } else if (table.total > shown) {
    out << fmt::format("{} of {} rows shown; all: --limit {}\n",
                       thousands(shown),
                       thousands(table.total),
                       table.total);
  }
}

}  // namespace netlog::render
