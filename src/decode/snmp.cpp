// SPDX-License-Identifier: MIT
#include "decode/tables.hpp"
#include "util/text.hpp"

#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

using Member = std::optional<std::int64_t> Counters::*;

constexpr std::array<std::pair<std::string_view, Member>, 10> kTcp{{
    {"ActiveOpens", &Counters::active_opens},
    {"PassiveOpens", &Counters::passive_opens},
    {"AttemptFails", &Counters::attempt_fails},
    {"EstabResets", &Counters::estab_resets},
    {"CurrEstab", &Counters::curr_estab},
    {"InSegs", &Counters::in_segs},
    {"OutSegs", &Counters::out_segs},
    {"RetransSegs", &Counters::retrans_segs},
    {"InErrs", &Counters::in_errs},
    {"OutRsts", &Counters::out_rsts},
}};

constexpr std::array<std::pair<std::string_view, Member>, 4> kUdp{{
    {"InDatagrams", &Counters::in_datagrams},
    {"NoPorts", &Counters::no_ports},
    {"InErrors", &Counters::in_errors},
    {"OutDatagrams", &Counters::out_datagrams},
}};

using Parameter = std::optional<std::int64_t> TcpParameters::*;

constexpr std::array<std::pair<std::string_view, Parameter>, 4> kParameters{{
    {"RtoAlgorithm", &TcpParameters::rto_algorithm},
    {"RtoMin", &TcpParameters::rto_min_ms},
    {"RtoMax", &TcpParameters::rto_max_ms},
    {"MaxConn", &TcpParameters::max_conn},
}};

template <typename Values, std::size_t N>
bool read_group(
    std::string_view names,
    std::string_view values,
    const std::array<std::pair<std::string_view, std::optional<std::int64_t> Values::*>, N>& wanted,
    Values& read) {
  const auto columns = words(names);
  const auto cells = words(values);
  if (columns.size() != cells.size()) {
    return false;
  }
  for (std::size_t i = 1; i < columns.size(); ++i) {
    for (const auto& [name, member] : wanted) {
      if (columns[i] == name) {
        read.*member = parse_number<std::int64_t>(cells[i]);
      }
    }
  }
  return true;
}

}  // namespace

Result<Counters> decode_snmp(std::string_view text) {
  Counters counters;
  const auto lines = split(text, '\n');
  bool found = false;
  for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
    const bool tcp = lines[i].starts_with("Tcp: ");
    const bool udp = lines[i].starts_with("Udp: ");
    const bool well_formed =
        !(tcp || udp) ||
        (tcp ? read_group(lines[i], lines[i + 1], kTcp, counters) &&
                   read_group(lines[i], lines[i + 1], kParameters, counters.parameters)
             : read_group(lines[i], lines[i + 1], kUdp, counters));
    if (!well_formed) {
      return fail(errc::malformed, fmt::format("line {} of /proc/net/snmp", i + 2));
    }
    found = found || tcp;
  }
  if (!found) {
    return fail(errc::malformed, "/proc/net/snmp without a Tcp group");
  }
  return counters;
}

Result<void> add_snmp6(std::string_view text, Counters& counters) {
  constexpr std::string_view kPrefix = "Udp6";
  for (const auto line : split(text, '\n')) {
    const auto fields = words(line);
    if (fields.size() != 2 || !fields[0].starts_with(kPrefix)) {
      continue;
    }
    for (const auto& [name, member] : kUdp) {
      if (fields[0].substr(kPrefix.size()) != name) {
        continue;
      }
      const auto value = parse_number<std::int64_t>(fields[1]);
      if (!value) {
        return fail(errc::malformed, fmt::format("/proc/net/snmp6: {}", quote(line)));
      }
      counters.*member = (counters.*member).value_or(0) + *value;
    }
  }
  return {};
}

}  // namespace netlog::decode
