// SPDX-License-Identifier: MIT
#include "cli/help/manual.hpp"

#include "cli/help/description.hpp"
#include "report/definition.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

std::string bold(std::string_view text) {
  return "\\fB" + roff_escape(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + roff_escape(text) + "\\fR";
}

std::string section(std::string_view title) {
  return fmt::format(".SH \"{}\"\n", roff_escape(upper(title)));
}

/// A line of text; `literals` in bold.
std::string spans(std::string_view line) {
  std::string out;
  bool literal = false;
  for (const auto piece : split(line, '`')) {
    out += literal ? bold(piece) : roff_escape(piece);
    literal = !literal;
  }
  return out;
}

std::string entry(std::string_view head, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", head, spans(text));
}

std::string header(std::string_view name, std::string_view about) {
  return fmt::format(
      ".\\\" made by netlog help --man\n"
      ".TH \"{}\" \"1\" \"\" \"netlog {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n",
      roff_escape(upper(name)),
      roff_escape(kVersion),
      roff_escape(name),
      roff_escape(about));
}

/// Paragraphs; indented lines are kept as they are.
std::string prose(std::string_view text) {
  constexpr std::string_view kVerbatim = "    ";
  std::string out;
  bool verbatim = false;
  for (const auto line : split(text.substr(0, text.find_last_not_of('\n') + 1), '\n')) {
    if (line.empty()) {
      out += verbatim ? ".fi\n.RE\n.PP\n" : ".PP\n";
      verbatim = false;
    } else if (line.starts_with(kVerbatim)) {
      out += verbatim ? "" : ".RS 4\n.nf\n";
      verbatim = true;
      out += roff_escape(line.substr(kVerbatim.size())) + "\n";
    } else {
      out += spans(line) + "\n";
    }
  }
  return out + (verbatim ? ".fi\n.RE\n" : "");
}

std::string option_head(const CLI::Option& option) {
  std::string head;
  const auto add = [&](const std::string& name) {
    head += (head.empty() ? "" : ", ") + bold(name);
  };
  for (const auto& name : option.get_snames()) {
    add("-" + name);
  }
  for (const auto& name : option.get_lnames()) {
    add("--" + name);
  }
  const auto kind = kind_of(option);
  return kind.empty() ? head : head + " " + italic(kind);
}

std::string with_default(const CLI::Option& option) {
  auto text = option.get_description();
  if (!option.get_default_str().empty()) {
    text += " [" + option.get_default_str() + "]";
  }
  return text;
}

/// `netlog at [options] TIME`
std::string synopsis(const CLI::App& command, const std::string& name) {
  std::string line = bold(name);
  if (!commands_of(command).empty()) {
    return line + " " + italic("command");
  }
  if (!options_of(command).empty()) {
    line += " [" + italic("options") + "]";
  }
  for (const auto* const argument : arguments_of(command)) {
    const auto text = italic(argument->get_name(true));
    line += argument->get_required() ? " " + text : " [" + text + "]";
  }
  return line;
}

std::string options_text(const CLI::App& command) {
  std::string out;
  const auto options = options_of(command);
  for (const auto& group : command.get_groups()) {
    std::string entries;
    for (const auto* const option : options) {
      if (option->get_group() == group) {
        entries += entry(option_head(*option), with_default(*option));
      }
    }
    if (!entries.empty()) {
      out += section(group) + entries;
    }
  }
  return out;
}

std::string reports_text() {
  std::string out = section("Reports");
  for (const auto& report : report::list_reports()) {
    out += fmt::format(".SS \"{}\"\n{}\n", roff_escape(report.name), spans(report.about));
    for (const auto& part : report::definition(report.name).sections) {
      std::string columns;
      for (const auto& column : part.heading.columns) {
        columns += (columns.empty() ? "" : ", ") + bold(column.name);
      }
      out += fmt::format(
          ".PP\n{} ({}): {}\n", roff_escape(part.heading.title), bold(part.heading.name), columns);
    }
  }
  return out;
}

}  // namespace

std::string roff_escape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    const char c = text[at];
    if (point.length == 0 || point.value < 0x20 || point.value == 0x7F) {
      out += ' ';  // no byte or control character has a place in a page
    } else if (point.value >= 0x80) {
      out += fmt::format("\\[u{:04X}]", static_cast<unsigned>(point.value));
    } else if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '"') {
      out += "\\(dq";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '.' && at == 0) {
      out += "\\&.";
    } else {
      out += c;
    }
    at += std::max(point.length, std::size_t{1});
  }
  return out;
}

std::string program_manual(const CLI::App& app) {
  const auto& about = app.get_description();
  auto out = header("netlog", about.substr(about.find(": ") + 2));
  out += fmt::format(".SH SYNOPSIS\n{}\n", synopsis(app, "netlog"));
  out += section("Commands");
  for (const auto* const command : commands_of(app)) {
    out += entry(bold(command->get_name()), command->get_description());
  }
  out += section("Reports");
  for (const auto& report : report::list_reports()) {
    out += entry(bold(report.name), report.about);
  }
  out += options_text(app);
  for (const auto& topic : topics()) {
    out += section(topic.name) + prose(topic.text);
  }
  out += ".SH SEE ALSO\n";
  const auto commands = commands_of(app);
  for (const auto* const command : commands) {
    out += fmt::format("\\fBnetlog\\-{}\\fR(1){}\n",
                       roff_escape(command->get_name()),
                       command == commands.back() ? "" : ",");
  }
  return out;
}

std::string command_manual(const CLI::App& command) {
  const auto name = "netlog " + command.get_name();
  auto out = header("netlog-" + command.get_name(), command.get_description());
  out += fmt::format(".SH SYNOPSIS\n{}\n", synopsis(command, name));
  std::string entries;
  for (const auto* const argument : arguments_of(command)) {
    entries += entry(italic(argument->get_name(true)), with_default(*argument));
  }
  out += entries.empty() ? "" : section("Arguments") + entries;
  out += options_text(command);
  for (const auto* const part : commands_of(command)) {
    out += section(name + " " + part->get_name());
    out += fmt::format("{}\n{}", roff_escape(part->get_description()), options_text(*part));
  }
  out += command.get_name() == "report" ? reports_text() : "";
  return out + ".SH SEE ALSO\n\\fBnetlog\\fR(1)\n";
}

}  // namespace netlog::cli
