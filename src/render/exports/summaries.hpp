// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <span>
#include <string>

namespace netlog::render {

/// Who talks to whom, for Graphviz: a node for each program and each peer, an edge for each row.
/// `talks` has the columns program, direction, protocol, peer, port, connections and failed; NULL
/// is unknown. A comment says how many rows are left out (`total`).
std::string dot_graph(const Table& talks);

/// The same as a flowchart of Mermaid.
std::string mermaid_graph(const Table& talks);

/// Prometheus' text format 0.0.4. Each metric sums up a column of one of the tables; those whose
/// column no table has are left out. prometheus.cpp lists the metrics, the columns and the labels.
/// Labels have netlog's words only.
std::string prometheus_text(std::span<const Table> tables);

/// A filter for tcpdump (pcap-filter(7)) in one line, which selects both directions. `ends` has the
/// columns protocol, local_ip, local_port, remote_ip and remote_port; NULL: any. A row with
/// a text that is no address, or that is no protocol, is left out. Empty: there is no other row.
std::string pcap_filter(const Table& ends);

/// The same as a display filter of Wireshark (wireshark-filter(4)).
std::string display_filter(const Table& ends);

}  // namespace netlog::render
