// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/query_progress.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

struct SqlOptions {
  QueryOptions query;
  std::string statement;
  std::string file;
};

std::string statement_of(const SqlOptions& options) {
  if (!options.statement.empty() && !options.file.empty()) {
    throw UsageError{"give a statement or --file, not both"};
  }
  if (!options.statement.empty()) {
    return options.statement;
  }
  if (options.file.empty()) {
    throw UsageError{
        fmt::format("no statement; give one, such as 'SELECT * FROM connections', or explore with: "
                    "sqlite3 -readonly {}",
                    utf8(database_path(options.query)))};
  }
  const auto path = path_from_utf8(options.file);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {  // a pipe is read, as from `<(...)`
    throw CommandFailed{fmt::format("cannot read {}: it is a directory", options.file)};
  }
  std::ifstream in{path, std::ios::binary};
  constexpr std::size_t kMaxBytes = std::size_t{16} << 20U;
  std::string text(kMaxBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxBytes) {
    throw CommandFailed{fmt::format(
        "cannot read {}: it has more than 16 MiB, which no statement has", options.file)};
  }
  if (in.bad() || !in.is_open()) {
    throw CommandFailed{
        fmt::format("cannot read {}: no such file, or it may not be read", options.file)};
  }
  return text;
}

/// A name that occurs twice, as in a join, is another one in each column.
std::vector<Column> plain_columns(const std::vector<std::string>& names) {
  std::vector<Column> columns;
  columns.reserve(names.size());
  for (auto& name : render::distinct(names)) {
    columns.push_back(Column{name, name, Unit::none, Align::left, false});
  }
  return columns;
}

void run_sql(const SqlOptions& options) {
  const auto format = parse_format(options.query.format);
  const auto statement = statement_of(options);
  QueryProgress progress;
  store::Reader reader{database_path(options.query)};
  progress.watch(reader);
  reader.take_your_time();
  const auto style = text_style(options.query);
  const auto for_csv = csv_reader();
  std::vector<Column> columns;
  reader.each(
      statement,
      {},
      [&](const std::vector<std::string>& names) {
        columns = plain_columns(names);
        if (format != Format::json) {
          std::vector<Cell> cells(columns.size());
          std::transform(columns.begin(), columns.end(), cells.begin(), [](const auto& column) {
            return Cell{column.name};
          });
          std::cout << (format == Format::csv ? render::csv_row(cells, for_csv)
                                              : render::text_row(columns, cells, style));
        }
      },
      [&](const std::vector<Cell>& row) {
        progress.clear();
        switch (format) {
          case Format::text:
            std::cout << render::text_row(columns, row, style);
            break;
          case Format::json:
            std::cout << render::json_row(columns, row) << '\n';
            break;
          case Format::csv:
            std::cout << render::csv_row(row, for_csv);
            break;
        }
        return static_cast<bool>(std::cout);
      });
}

}  // namespace

void add_sql(CLI::App& app) {
  auto* const command =
      app.add_subcommand("sql", "Query a recording in SQL; read-only, row by row");
  const auto options = std::make_shared<SqlOptions>();
  command->add_option("STATEMENT", options->statement, "One statement that only reads")
      ->type_name("");
  command->add_option("--file", options->file, "Read the statement from this file")
      ->type_name("FILE");
  add_database_options(*command, options->query);
  command->callback([options] { run_sql(*options); });
}

}  // namespace netlog::cli
