// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "render/render.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace netlog::render {

/// A format that has something for each connection.
enum class ConnectionFormat : std::uint8_t { csv, ecs, zeek, zeek_json, perfetto };

/// The names that users give them, in the order in which they are shown.
inline constexpr std::array<std::pair<std::string_view, ConnectionFormat>, 5> kConnectionFormats{
    {{"ecs", ConnectionFormat::ecs},
     {"zeek", ConnectionFormat::zeek},
     {"zeek-json", ConnectionFormat::zeek_json},
     {"csv", ConnectionFormat::csv},
     {"perfetto", ConnectionFormat::perfetto}}};

/// True if the format is a row for each connection, which can be written as soon as it is known.
constexpr bool is_of_rows(ConnectionFormat format) {
  return format != ConnectionFormat::perfetto;
}

/// True if the format has connections with a peer only.
constexpr bool has_peers_only(ConnectionFormat format) {
  return format == ConnectionFormat::zeek || format == ConnectionFormat::zeek_json;
}

struct ConnectionStyle {
  CsvReader csv_reader = CsvReader::program;
  std::int64_t written_ns = 0;  ///< when the export is made, UTC ns; Zeek has it in its header
  std::int64_t base_ns = 0;     ///< the moment that Perfetto shows as 0, UTC ns
};

/// Writes connections in one format, piece by piece: begin(), row() for each, end(). Every text may
/// come from a hostile process or peer; each format escapes it by its own rules.
class ConnectionWriter {
 public:
  ConnectionWriter() = default;
  ConnectionWriter(const ConnectionWriter&) = delete;
  ConnectionWriter& operator=(const ConnectionWriter&) = delete;
  virtual ~ConnectionWriter() = default;

  virtual std::string begin() { return {}; }
  /// `cells` are in the order of the names.
  virtual std::string row(const std::vector<Cell>& cells) = 0;
  virtual std::string end() { return {}; }
};

/// `names` are those of the columns. A column that the format wants and that is not among them is
/// unknown.
std::unique_ptr<ConnectionWriter> connection_writer(ConnectionFormat format,
                                                    const std::vector<std::string>& names,
                                                    const ConnectionStyle& style);

}  // namespace netlog::render
