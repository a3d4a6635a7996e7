// SPDX-License-Identifier: MIT
// Texts that hostile processes and peers choose, and values that are not known, in each format of
// `netlog export`.
#include "render/exports/connection_writer.hpp"
#include "render/exports/summaries.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace netlog_tests::render_exports_test {

using namespace netlog;
using netlog::render::ConnectionFormat;

namespace {

using NamedCells = std::vector<std::pair<std::string, Cell>>;

std::string write(ConnectionFormat format, const NamedCells& row) {
  std::vector<std::string> names;
  std::vector<Cell> cells;
  for (const auto& [name, cell] : row) {
    names.push_back(name);
    cells.push_back(cell);
  }
  const auto writer = render::connection_writer(format, names, {});
  const auto begin = writer->begin();
  const auto text = writer->row(cells);
  // The header of CSV and Zeek is the same for all.
  return format == ConnectionFormat::perfetto ? begin + text + writer->end() : text;
}

/// The part of a text around a word, up to the next of the ends.
std::string from(const std::string& text, const std::string& word, const std::string& end) {
  const auto begin = text.find(word);
  return begin == std::string::npos ? text : text.substr(begin, text.find(end, begin) - begin);
}

const std::string kHostile = "a\tb\n\"c\\\x1b[31m,\u202Egnp";

Table talks_with(const Cell& program, const Cell& peer, const std::string& direction) {
  Table table;
  for (const auto* const name :
       {"program", "direction", "protocol", "peer", "port", "connections", "failed"}) {
    table.columns.push_back({name, name, Unit::none, Align::left, false});
  }
  table.rows.push_back(
      {program, direction, std::string{"tcp"}, peer, std::int64_t{443}, std::int64_t{3}, Cell{}});
  return table;
}

Table ends_of(const std::vector<std::vector<Cell>>& rows) {
  Table table;
  for (const auto* const name :
       {"protocol", "local_ip", "local_port", "remote_ip", "remote_port"}) {
    table.columns.push_back({name, name, Unit::none, Align::left, false});
  }
  table.rows = rows;
  return table;
}

}  // namespace

TEST_CASE("ECS escapes what could change a terminal, and leaves out what is not known",
          "[render]") {
  CHECK(write(ConnectionFormat::ecs,
              {{"began_ns", std::int64_t{1'700'000'000'123'456'789}},
               {"process", kHostile},
               {"pid", Cell{}},
               {"event_types", std::string{"connection,start"}}}) ==
        R"({"ecs.version":"8.11.0","event.kind":"event","event.category":["network"],)"
        R"("observer.product":"netlog","@timestamp":"2023-11-14T22:13:20.123456789Z",)"
        R"("process.name":"a\u0009b\u000a\"c\\\u001b[31m,\u202egnp",)"
        R"("event.type":["connection","start"]})"
        "\n");
}

TEST_CASE("a line of Zeek has as many fields as its header, whatever the names are", "[render]") {
  CHECK(write(ConnectionFormat::zeek,
              {{"began_ns", std::int64_t{-500'000'000}},
               {"duration_ns", std::int64_t{1'234'567'890}},
               {"source_is_here", std::int64_t{0}},
               {"process", kHostile}}) ==
        "-0.500000\t-\t-\t-\t-\t-\t-\t-\t1.234567\t-\t-\t-\tF\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t"
        "a\\x09b\\x0a\"c\\\\\\x1b[31m,\\xe2\\x80\\xaegnp\n");
  const auto [name, expected] = GENERATE(table<std::string, std::string>({
      {"", "(empty)"},
      {"-", "\\x2d"},
      {"(empty)", "\\x28empty)"},
      {"caf\u00E9", "caf\u00E9"},
      {"\\x41", "\\\\x41"},
      {"\xFF", "\\xff"},
      {"#fields", "\\x23fields"},
  }));
  const auto line = write(ConnectionFormat::zeek, {{"process", name}});
  CHECK(line.substr(line.rfind('\t') + 1) == expected + "\n");
}

TEST_CASE("Zeek's JSON leaves out what is not known", "[render]") {
  CHECK(write(ConnectionFormat::zeek_json,
              {{"began_ns", std::int64_t{1'500'000'000}},
               {"source_is_here", std::int64_t{1}},
               {"source_bytes", std::int64_t{7}},
               {"process", kHostile}}) == R"({"ts":1.500000,"orig_bytes":7,"local_orig":true,)"
                                          R"("process":"a\u0009b\u000a\"c\\\u001b[31m,\u202egnp"})"
                                          "\n");
}

TEST_CASE("CSV quotes names, and what a spreadsheet takes for a formula", "[render]") {
  const auto cell_of = [](const std::string& name) {
    const auto line = write(ConnectionFormat::csv, {{"process", name}});
    const auto begin = line.find_first_not_of(',');
    return line.substr(begin, line.find_last_not_of(",\r\n") + 1 - begin);
  };
  CHECK(cell_of("=cmd|' /C calc'!A0") == "\"=cmd|' /C calc'!A0\"");
  CHECK(cell_of("a,\"b\"\n") == "\"a,\"\"b\"\"\n\"");
  CHECK(cell_of("") == "\"\"");
}

TEST_CASE("a connection is a pair of events for Perfetto", "[render]") {
  CHECK(
      write(ConnectionFormat::perfetto,
            {{"id", std::int64_t{31}},
             {"began_ns", std::int64_t{1'000'000'001}},
             {"until_ns", std::int64_t{2'000'000'000}},
             {"protocol", std::string{"tcp"}},
             {"direction", std::string{"outbound"}},
             {"remote", std::string{"192.0.2.1:80"}},
             {"remote_port", std::int64_t{80}},
             {"remote_name", std::string{"a\"b"}},
             {"process_id", std::int64_t{4}},
             {"process", kHostile},
             {"pid", std::int64_t{1017}}}) ==
      R"({"displayTimeUnit":"ns","otherData":{"base":"1970-01-01T00:00:00.000000Z"},"traceEvents":[)"
      "\n"
      R"({"ph":"M","name":"process_name","pid":5,)"
      R"("args":{"name":"a\u0009b\u000a\"c\\\u001b[31m,\u202egnp (pid 1017))"
      "\"}},\n"
      R"({"ph":"b","cat":"tcp","id":"0x1f","name":"→ a\"b:80","pid":5,"tid":5,"ts":1000000.001,)"
      R"("args":{"remote":"192.0.2.1:80","remote_name":"a\"b","direction":"outbound"}},)"
      "\n"
      R"({"ph":"e","cat":"tcp","id":"0x1f","name":"→ a\"b:80","pid":5,"tid":5,"ts":2000000.000})"
      "\n]}\n");
}

TEST_CASE("a row that Perfetto cannot show is left out", "[render]") {
  CHECK(
      write(ConnectionFormat::perfetto, {{"id", std::int64_t{1}}}) ==
      R"({"displayTimeUnit":"ns","otherData":{"base":"1970-01-01T00:00:00.000000Z"},"traceEvents":[)"
      "\n]}\n");
}

TEST_CASE("names in a graph of Graphviz are only names", "[render]") {
  const auto hostile = render::dot_graph(
      talks_with("x\"];evil[label=\"\\N&#34;<b>\n", "\u202Ea", std::string{"outbound"}));
  CHECK(hostile == R"(digraph netlog {
  rankdir=LR;
  node [fontname="sans-serif"];
  n0 [label="x\"];evil[label=\"\\N&amp;#34;<b>\\x0a", shape=box];
  n1 [label="\\u{202e}a", shape=ellipse];
  n0 -> n1 [label="tcp 443: 3"];
}
)");
  CHECK(from(render::dot_graph(talks_with({}, "a", "unknown")), "  n0 [", "\n}") ==
        "  n0 [label=\"unknown owner\", shape=box, style=dashed];\n"
        "  n1 [label=\"a\", shape=ellipse];\n"
        "  n0 -> n1 [label=\"tcp 443: 3\", dir=none];");
}

TEST_CASE("names in a chart of Mermaid are only names", "[render]") {
  auto table = talks_with("x\"]; click n0 `a` <b>#35;\n", "caf\u00E9", "inbound");
  table.total = 5;
  CHECK(render::mermaid_graph(table) == R"(flowchart LR
  %% 4 pairs with fewer connections are left out
  n0["x#34;#93;#59; click n0 #96;a#96; #60;b#62;#35;35#59;#92;x0a"]
  n1(["café"])
  n1 -->|"tcp 443: 3"| n0
)");
}

TEST_CASE("a program and a peer of one name are two nodes", "[render]") {
  CHECK(from(render::mermaid_graph(talks_with("a", "a", "outbound")), "  n0", "-->") ==
        "  n0[\"a\"]\n  n1([\"a\"])\n  n0 ");
}

TEST_CASE("a packet filter has what is known of the ends", "[render]") {
  const std::string tcp = "tcp";
  const std::string udp = "udp";
  const auto ends =
      ends_of({{tcp, "192.0.2.1", std::int64_t{5000}, "203.0.113.9", std::int64_t{443}},
               {tcp, "203.0.113.9", std::int64_t{443}, "192.0.2.1", std::int64_t{5000}},
               {udp, Cell{}, Cell{}, "2001:db8::1", std::int64_t{53}},
               {tcp, Cell{}, std::int64_t{0}, "198.51.100.7", Cell{}}});
  CHECK(render::pcap_filter(ends) ==
        "(tcp and host 192.0.2.1 and port 5000 and host 203.0.113.9 and port 443) or "
        "(udp and host 2001:db8::1 and port 53) or (tcp and host 198.51.100.7)\n");
  CHECK(render::display_filter(ends) ==
        "(tcp && ip.addr == 192.0.2.1 && tcp.port == 5000 && ip.addr == 203.0.113.9 && "
        "tcp.port == 443) || (udp && ipv6.addr == 2001:db8::1 && udp.port == 53) || "
        "(tcp && ip.addr == 198.51.100.7)\n");
  // A file may hold any text.
  CHECK(render::display_filter(ends_of({{tcp, "fe80::2%3", Cell{}, "::ffff:192.0.2.1", Cell{}}})) ==
        "(tcp && ip.addr == 192.0.2.1 && ipv6.addr == fe80::2)\n");
  const auto hostile = ends_of({{tcp, Cell{}, Cell{}, "$(reboot)", Cell{}},
                                {"tcp or udp", Cell{}, Cell{}, "192.0.2.1", Cell{}}});
  CHECK(render::pcap_filter(hostile) == "");
  CHECK(render::display_filter(hostile) == "");
}

TEST_CASE("Prometheus gets sums, without the labels that are not known", "[render]") {
  Table counts;
  for (const auto* const name : {"protocol",
                                 "direction",
                                 "outcome",
                                 "state",
                                 "connections",
                                 "open_connections",
                                 "bytes_sent",
                                 "bytes_received"}) {
    counts.columns.push_back({name, name, Unit::none, Align::left, false});
  }
  const std::int64_t two = 2;
  const std::int64_t three = 3;
  counts.rows = {{"tcp", "inbound", "open", "ESTABLISHED", two, two, two, Cell{}},
                 {"tcp", "inbound", "open", "CLOSE_WAIT", three, three, three, Cell{}},
                 {"udp", "outbound", "a\"\\\nb", Cell{}, two, Cell{}, Cell{}, Cell{}}};
  CHECK(
      render::prometheus_text({&counts, 1}) ==
      R"(# HELP netlog_connections Connections, listeners and UDP sockets that were selected, by how they ended.
# TYPE netlog_connections gauge
netlog_connections{protocol="tcp",direction="inbound",outcome="open"} 5
netlog_connections{protocol="udp",direction="outbound",outcome="a\"\\\nb"} 2
# HELP netlog_open_connections Connections, listeners and UDP sockets that are open, by TCP state.
# TYPE netlog_open_connections gauge
netlog_open_connections{protocol="tcp",direction="inbound",state="CLOSE_WAIT"} 3
netlog_open_connections{protocol="tcp",direction="inbound",state="ESTABLISHED"} 2
# HELP netlog_sent_bytes Payload that the selected connections sent, where it is known.
# TYPE netlog_sent_bytes gauge
netlog_sent_bytes{protocol="tcp",direction="inbound"} 5
# HELP netlog_received_bytes Payload that the selected connections received, where it is known.
# TYPE netlog_received_bytes gauge
)");
}

}  // namespace netlog_tests::render_exports_test
