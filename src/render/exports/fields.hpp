// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace netlog::render {

/// How ECS has a value.
enum class EcsForm : std::uint8_t {
  as_is,  ///< a number or a text
  time,   ///< UTC ns as RFC 3339
  words,  ///< a text of words with commas between, as a list
};

/// A column of an export, and what each format calls it. An empty name: the format does not have
/// it. Docs: docs/export.md.
struct ExportField {
  std::string_view column;  ///< as in SQL; empty: netlog does not know it
  bool in_csv = false;      ///< under the name of the column
  std::string_view ecs;     ///< Elastic Common Schema 8.11, and `netlog.…`
  EcsForm form = EcsForm::as_is;
  std::string_view zeek;  ///< conn.log
  std::string_view type;  ///< of Zeek
};

/// All of them. Zeek's come first, in the order of conn.log; each format keeps the order.
std::span<const ExportField> export_fields();

}  // namespace netlog::render
