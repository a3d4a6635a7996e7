// SPDX-License-Identifier: MIT
#include "render/exports/named_cells.hpp"
#include "render/exports/summaries.hpp"
#include "render/render.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

/// One end of an edge.
struct GraphNode {
  bool is_peer = false;
  Cell text;
};

struct GraphEdge {
  std::size_t from = 0;
  std::size_t to = 0;
  std::string label;
  bool has_failures = false;
  bool has_direction = false;
};

struct Graph {
  std::vector<GraphNode> nodes;  ///< by number
  std::vector<GraphEdge> edges;
  std::int64_t left_out = 0;
};

/// `tcp 443: 12, 3 failed`
std::string talk_label(const NamedRow& row) {
  const auto port = number_in(row.at("port"));
  const auto failed = number_in(row.at("failed")).value_or(0);
  return fmt::format("{}{}: {}{}",
                     text_in(row.at("protocol")),
                     port ? fmt::format(" {}", *port) : "",
                     number_in(row.at("connections")).value_or(0),
                     failed > 0 ? fmt::format(", {} failed", failed) : "");
}

Graph graph_of(const Table& talks) {
  Graph graph;
  std::map<std::pair<bool, Cell>, std::size_t> numbers;
  const auto number_of = [&](GraphNode node) {
    const auto [place, is_new] = numbers.try_emplace({node.is_peer, node.text}, graph.nodes.size());
    if (is_new) {
      graph.nodes.push_back(std::move(node));
    }
    return place->second;
  };
  for (const auto& cells : talks.rows) {
    const NamedRow row{talks, cells};
    auto from = number_of({false, row.at("program")});
    auto to = number_of({true, row.at("peer")});
    const auto direction = text_in(row.at("direction"));
    if (direction == "inbound") {
      std::swap(from, to);
    }
    graph.edges.push_back({from,
                           to,
                           talk_label(row),
                           number_in(row.at("failed")).value_or(0) > 0,
                           direction == "inbound" || direction == "outbound"});
  }
  graph.left_out = std::max<std::int64_t>(0, talks.total - std::ssize(talks.rows));
  return graph;
}

/// What a node shows, without what could change a terminal.
std::string node_text(const GraphNode& node) {
  if (std::holds_alternative<std::monostate>(node.text)) {
    return node.is_peer ? "unknown peer" : "unknown owner";
  }
  return escape_for_terminal(text_in(node.text));
}

bool is_unknown(const GraphNode& node) {
  return std::holds_alternative<std::monostate>(node.text);
}

std::string left_out_text(const Graph& graph) {
  return graph.left_out == 0
             ? ""
             : fmt::format("{} pairs with fewer connections are left out", graph.left_out);
}

/// A quoted string of DOT. Its labels know escapes (`\N`) and entities of HTML.
std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

/// A quoted label of Mermaid. Whatever its syntax, Markdown or HTML could mean is an entity.
std::string mermaid_string(std::string_view text) {
  constexpr std::string_view kPlain = " .,:-_/()";
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    const auto length = std::max(point.length, std::size_t{1});
    const auto value = point.length == 0 ? U'\uFFFD' : point.value;
    const bool is_plain = (value >= U'a' && value <= U'z') || (value >= U'A' && value <= U'Z') ||
                          (value >= U'0' && value <= U'9') || value >= 0x80 ||
                          kPlain.find(static_cast<char>(value)) != std::string_view::npos;
    if (is_plain) {
      out += point.length == 0 ? "\uFFFD" : std::string{text.substr(at, length)};
    } else {
      out += fmt::format("#{};", static_cast<unsigned>(value));
    }
    at += length;
  }
  return out + "\"";
}

}  // namespace

std::string dot_graph(const Table& talks) {
  const auto graph = graph_of(talks);
  std::string out = "digraph netlog {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n";
  if (graph.left_out > 0) {
    out += fmt::format("  // {}\n", left_out_text(graph));
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    out += fmt::format("  n{} [label={}, shape={}{}];\n",
                       i,
                       dot_string(node_text(node)),
                       node.is_peer ? "ellipse" : "box",
                       is_unknown(node) ? ", style=dashed" : "");
  }
  for (const auto& edge : graph.edges) {
    out += fmt::format("  n{} -> n{} [label={}{}{}];\n",
                       edge.from,
                       edge.to,
                       dot_string(edge.label),
                       edge.has_direction ? "" : ", dir=none",
                       edge.has_failures ? ", color=red" : "");
  }
  return out + "}\n";
}

std::string mermaid_graph(const Table& talks) {
  const auto graph = graph_of(talks);
  std::string out = "flowchart LR\n";
  if (graph.left_out > 0) {
    out += fmt::format("  %% {}\n", left_out_text(graph));
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    const auto label = mermaid_string(node_text(node));
    out += node.is_peer ? fmt::format("  n{}([{}])\n", i, label)
                        : fmt::format("  n{}[{}]\n", i, label);
  }
  for (const auto& edge : graph.edges) {
    out += fmt::format("  n{} {}|{}| n{}\n",
                       edge.from,
                       edge.has_direction ? "-->" : "---",
                       mermaid_string(edge.label),
                       edge.to);
  }
  return out;
}

}  // namespace netlog::render
