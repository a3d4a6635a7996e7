// SPDX-License-Identifier: MIT
#include "render/exports/connection_writer.hpp"

#include "render/exports/field_writers.hpp"
#include "render/exports/fields.hpp"
#include "render/exports/named_cells.hpp"
#include "render/json_text.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

/// A field and the place of its column.
struct PlacedField {
  ExportField field;
  std::size_t place = 0;
};

template <typename IsWanted>
std::vector<PlacedField> placed_fields(const std::vector<std::string>& names, IsWanted is_wanted) {
  std::vector<PlacedField> placed;
  for (const auto& field : export_fields()) {
    if (is_wanted(field)) {
      placed.push_back({field, place_of(names, field.column)});
    }
  }
  return placed;
}

class CsvWriter : public ConnectionWriter {
 public:
  CsvWriter(const std::vector<std::string>& names, CsvReader reader)
      : fields_{placed_fields(names, [](const ExportField& field) { return field.in_csv; })},
        reader_{reader} {}

  std::string begin() override {
    std::vector<Cell> header;
    header.reserve(fields_.size());
    for (const auto& [field, place] : fields_) {
      header.emplace_back(std::string{field.column});
    }
    return csv_row(header);
  }

  std::string row(const std::vector<Cell>& cells) override {
    std::vector<Cell> wanted;
    wanted.reserve(fields_.size());
    for (const auto& [field, place] : fields_) {
      wanted.push_back(cell_at(cells, place));
    }
    return csv_row(wanted, reader_);
  }

 private:
  std::vector<PlacedField> fields_;
  CsvReader reader_;
};

/// `,"source.ip":`; the names of fields need no escapes.
std::string json_key(std::string_view name, bool is_first) {
  std::string text = is_first ? "\"" : ",\"";
  text += name;
  return text + "\":";
}

/// `2026-11-21T14:03:07.250000001Z`
std::string rfc3339(std::int64_t utc_ns) {
  auto text = iso8601_utc(utc_ns);
  const auto below_us = ((utc_ns % kNsPerUs) + kNsPerUs) % kNsPerUs;
  text.insert(text.size() - 1, fmt::format("{:03}", below_us));
  return text;
}

std::string ecs_value(const Cell& cell, EcsForm form) {
  if (const auto number = number_in(cell); form == EcsForm::time && number) {
    return json_text(rfc3339(*number));
  }
  if (form == EcsForm::words) {
    std::string list;
    for (const auto word : split(text_in(cell), ',')) {
      list += (list.empty() ? "" : ",") + json_text(word);
    }
    return "[" + list + "]";
  }
  return json_value(cell);
}

class EcsWriter : public ConnectionWriter {
 public:
  explicit EcsWriter(const std::vector<std::string>& names)
      : fields_{placed_fields(names, [](const ExportField& field) { return !field.ecs.empty(); })} {
  }

  std::string row(const std::vector<Cell>& cells) override {
    std::string line =
        R"({"ecs.version":"8.11.0","event.kind":"event","event.category":["network"],)"
        R"("observer.product":"netlog")";
    for (const auto& [field, place] : fields_) {
      const auto& cell = cell_at(cells, place);
      if (!std::holds_alternative<std::monostate>(cell)) {
        line += json_key(field.ecs, false);
        line += ecs_value(cell, field.form);
      }
    }
    return line + "}\n";
  }

 private:
  std::vector<PlacedField> fields_;
};

constexpr std::string_view kZeekUnset = "-";
constexpr std::string_view kZeekEmpty = "(empty)";

/// Seconds with six decimals, rounded down.
std::string zeek_seconds(std::int64_t ns) {
  const auto second = ns / kNsPerSecond - (ns % kNsPerSecond < 0 ? 1 : 0);
  const auto us = (ns % kNsPerSecond + kNsPerSecond) % kNsPerSecond / kNsPerUs;
  if (second < 0 && us > 0) {  // a decimal fraction has one sign
    return fmt::format("-{}.{:06}", -(second + 1), kNsPerSecond / kNsPerUs - us);
  }
  return fmt::format("{}.{:06}", second, us);
}

std::string hex_bytes(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

/// As Zeek's ASCII writer: a backslash is doubled, bytes that could be mistaken are `\x09`.
std::string zeek_text(std::string_view text) {
  if (text.empty()) {
    return std::string{kZeekEmpty};
  }
  if (text == kZeekUnset || text == kZeekEmpty) {
    return hex_bytes(text.substr(0, 1)) + std::string{text.substr(1)};
  }
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    const auto length = point.length == 0 ? 1 : point.length;
    const auto bytes = text.substr(at, length);
    if (bytes == "\\") {
      out += R"(\\)";
    } else {
      const bool is_comment = bytes == "#";  // to some readers, wherever it stands
      out += point.length == 0 || is_harmful(point.value) || is_comment ? hex_bytes(bytes)
                                                                        : std::string{bytes};
    }
    at += length;
  }
  return out;
}

std::string zeek_value(const Cell& cell, std::string_view type) {
  const auto number = number_in(cell);
  if (std::holds_alternative<std::monostate>(cell)) {
    return std::string{kZeekUnset};
  }
  if (!number) {
    return zeek_text(text_in(cell));
  }
  if (type == "time" || type == "interval") {
    return zeek_seconds(*number);
  }
  return type == "bool" ? (*number != 0 ? "T" : "F") : fmt::format("{}", *number);
}

/// `2026-11-21-14-03-07`, UTC.
std::string zeek_moment(std::int64_t utc_ns) {
  const auto civil = civil_from_ns(utc_ns);
  return fmt::format("{:04}-{:02}-{:02}-{:02}-{:02}-{:02}",
                     civil.year,
                     civil.month,
                     civil.day,
                     civil.hour,
                     civil.minute,
                     civil.second);
}

std::vector<PlacedField> zeek_fields(const std::vector<std::string>& names) {
  return placed_fields(names, [](const ExportField& field) { return !field.zeek.empty(); });
}

class ZeekWriter : public ConnectionWriter {
 public:
  ZeekWriter(const std::vector<std::string>& names, std::int64_t written_ns)
      : fields_{zeek_fields(names)}, moment_{zeek_moment(written_ns)} {}

  std::string begin() override {
    std::string fields = "#fields";
    std::string types = "#types";
    for (const auto& [field, place] : fields_) {
      fields += fmt::format("\t{}", field.zeek);
      types += fmt::format("\t{}", field.type);
    }
    return fmt::format(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t{}\n#unset_field\t{}\n#path\tconn\n"
        "#open\t{}\n{}\n{}\n",
        kZeekEmpty,
        kZeekUnset,
        moment_,
        fields,
        types);
  }

  std::string row(const std::vector<Cell>& cells) override {
    std::string line;
    for (const auto& [field, place] : fields_) {
      line += (line.empty() ? "" : "\t") + zeek_value(cell_at(cells, place), field.type);
    }
    return line + "\n";
  }

  std::string end() override { return fmt::format("#close\t{}\n", moment_); }

 private:
  std::vector<PlacedField> fields_;
  std::string moment_;
};

std::string zeek_json_value(const Cell& cell, std::string_view type) {
  const auto number = number_in(cell);
  if (number && (type == "time" || type == "interval")) {
    return zeek_seconds(*number);
  }
  return number && type == "bool" ? (*number != 0 ? "true" : "false") : json_value(cell);
}

class ZeekJsonWriter : public ConnectionWriter {
 public:
  explicit ZeekJsonWriter(const std::vector<std::string>& names) : fields_{zeek_fields(names)} {}

  std::string row(const std::vector<Cell>& cells) override {
    std::string line;
    for (const auto& [field, place] : fields_) {
      const auto& cell = cell_at(cells, place);
      if (!std::holds_alternative<std::monostate>(cell)) {
        line += json_key(field.zeek, line.empty());
        line += zeek_json_value(cell, field.type);
      }
    }
    return "{" + line + "}\n";
  }

 private:
  std::vector<PlacedField> fields_;
};

}  // namespace

WriterPtr csv_writer(const std::vector<std::string>& names, CsvReader reader) {
  return std::make_unique<CsvWriter>(names, reader);
}

WriterPtr ecs_writer(const std::vector<std::string>& names) {
  return std::make_unique<EcsWriter>(names);
}

WriterPtr zeek_writer(const std::vector<std::string>& names, std::int64_t written_ns) {
  return std::make_unique<ZeekWriter>(names, written_ns);
}

WriterPtr zeek_json_writer(const std::vector<std::string>& names) {
  return std::make_unique<ZeekJsonWriter>(names);
}

WriterPtr connection_writer(ConnectionFormat format,
                            const std::vector<std::string>& names,
                            const ConnectionStyle& style) {
  switch (format) {
    case ConnectionFormat::csv:
      return csv_writer(names, style.csv_reader);
    case ConnectionFormat::ecs:
      return ecs_writer(names);
    case ConnectionFormat::zeek:
      return zeek_writer(names, style.written_ns);
    case ConnectionFormat::zeek_json:
      return zeek_json_writer(names);
    case ConnectionFormat::perfetto:
      return perfetto_writer(names, style.base_ns);
  }
  return {};
}

}  // namespace netlog::render
