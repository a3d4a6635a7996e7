// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace netlog::cli {

/// The values of options that take one of a fixed list, for error messages and completion.
std::vector<std::string> format_names();
/// Those of a report, which may be a page.
std::vector<std::string> report_format_names();
/// Those of `netlog export`, in the order of docs/export.md.
std::vector<std::string> export_names();
/// Those of them that `tail` writes.
std::vector<std::string> row_format_names();
std::vector<std::string> protocol_names();
std::vector<std::string> state_names();
std::vector<std::string> outcome_names();
std::vector<std::string> event_kind_names();
std::vector<std::string> source_names();
std::vector<std::string> log_levels();
std::vector<std::string> redaction_words();

/// `, did you mean X?` with the value that is nearest to `text`; empty where none is near.
std::string suggestion(const std::string& text, const std::vector<std::string>& values);

}  // namespace netlog::cli
