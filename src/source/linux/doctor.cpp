// SPDX-License-Identifier: MIT
#include "source/doctor.hpp"

#include "os/linux/capabilities.hpp"
#include "os/privileges.hpp"
#include "source/linux/held_sockets.hpp"
#include "source/linux/namespace_source.hpp"
#include "source/linux/namespaces.hpp"
#include "source/linux/notices.hpp"
#include "source/linux/packets.hpp"
#include "source/linux/process_watch.hpp"
#include "source/linux/procfs.hpp"
#include "source/linux/trace.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <fcntl.h>
#include <unistd.h>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxSnmpText = std::size_t{64} * 1024;

std::string this_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "netlog" : path.string();
}

/// The command that grants all capabilities that a recorder can use, to the members of one group
/// only; empty if we have them all. A binary that everybody may run would let everybody record.
std::string grant_command() {
  constexpr std::array kRights{
      CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON};
  constexpr auto kWanted = [&] {
    std::uint64_t all = 0;
    for (const auto right : kRights) {
      all |= std::uint64_t{1} << static_cast<unsigned>(right);
    }
    return all;
  }();
  if ((os::capabilities() & kWanted) == kWanted) {
    return {};
  }
  // A change of the group or of the rights takes the capabilities away, so they come last.
  return fmt::format(
      "sudo sh -c 'groupadd -f netlog && chgrp netlog {0} && chmod 0750 {0} && setcap "
      "cap_sys_ptrace,cap_dac_read_search,cap_net_admin,cap_sys_admin,cap_bpf,cap_perfmon+ep {0}', "
      "then run it as a member of that group (sudo usermod -aG netlog USER)",
      this_program());
}

Finding examine_tables() {
  const auto source = NamespaceSource::open(own_network_namespace(), {}, kAllTables);
  utsname system{};
  ::uname(&system);
  if (!source) {
    return {"tables",
            Allowed::none,
            source.error().message(),
            "nothing can be recorded",
            "sudo modprobe -a inet_diag tcp_diag udp_diag"};
  }
  if (source->name() == "procfs") {
    return {"tables",
            Allowed::some,
            fmt::format("/proc/net only: {}", source->fallback_reason()),
            "no bytes, round-trip times, offload states or outcomes, and connections shorter than "
            "the interval are seen by chance",
            "sudo modprobe -a inet_diag tcp_diag udp_diag"};
  }
  return {"tables", Allowed::all, fmt::format("sock_diag of Linux {}", system.release), {}, {}};
}

Finding examine_tracing() {
  const auto trace = Trace::open(static_cast<std::size_t>(SourceOptions{}.trace_buffer_bytes));
  if (!trace) {
    return {"tracing",
            Allowed::none,
            trace.error().message(),
            "times are as exact as polling and notices are, states shorter than the interval are "
            "missed, and half of the owners of very short connections stay unknown",
            grant_command()};
  }
  if (trace->hook() == "tp_btf") {
    return {"tracing",
            Allowed::some,
            "every TCP change, by tp_btf",
            "on a machine without a free CPU a few changes in a thousand are lost; a cgroup2 mount "
            "gives sock_ops, which loses none",
            "sudo mount -t cgroup2 none /mnt"};
  }
  return {"tracing", Allowed::all, "every TCP change with its process, by sock_ops", {}, {}};
}

/// What reading packets costs this host now; empty where nobody may measure it.
std::string price_of(const Packets& packets) {
  constexpr std::chrono::milliseconds kPeriod{300};
  constexpr double kNsPerSecond = 1e9;
  const auto cost = packets.measure(kPeriod);
  if (!cost) {
    return {};
  }
  if (cost->ns_per_packet == 0) {
    return "; no packets came to measure what they cost";
  }
  return fmt::format("; {:.0f} packets/s cost {:.2f} µs each, {:.2f} % of a processor",
                     cost->packets_per_s,
                     cost->ns_per_packet / 1000,
                     cost->packets_per_s * cost->ns_per_packet / kNsPerSecond * 100);
}

/// UDP flows, and names.
std::array<Finding, 2> examine_packets(bool traces) {
  const auto packets =
      traces ? Packets::open({}) : Result<Packets>{fail(errc::refused, "there is no tracing")};
  if (packets) {
    return {Finding{"udp flows",
                    Allowed::all,
                    "bytes and datagrams of each socket and peer" + price_of(*packets),
                    {},
                    {}},
            Finding{"names",
                    Allowed::all,
                    "what programs ask DNS servers at port 53, and /etc/hosts",
                    {},
                    {}}};
  }
  const bool is_mount_missing =
      packets.error().code == boost::system::errc::no_such_file_or_directory;
  const auto remedy = is_mount_missing ? "sudo mount -t cgroup2 none /mnt" : grant_command();
  return {
      Finding{"udp flows",
              Allowed::none,
              packets.error().message(),
              "UDP sockets have no bytes and no datagrams, and their peers are known only where "
              "they are connected",
              remedy},
      Finding{"names",
              Allowed::none,
              packets.error().message(),
              "remote addresses have no names, and there are no lookups",
              remedy}};
}

/// What the trace reports, too.
Finding examine_processes(bool traces) {
  if (traces) {
    return {"processes", Allowed::all, "programs executed and ends, by the trace", {}, {}};
  }
  const auto watch = ProcessWatch::open();
  if (watch) {
    return {"processes", Allowed::all, "programs executed and ends, by the proc connector", {}, {}};
  }
  return {"processes",
          Allowed::some,
          watch.error().message(),
          "ends of processes are known to the second and without their exit status, and what a "
          "process opens after it has executed another program has the name of the first",
          watch.error().code == boost::system::errc::operation_not_permitted ? grant_command()
                                                                             : std::string{}};
}

Finding examine_notices() {
  const auto wanted = SourceOptions{}.notice_buffer_bytes;
  const auto notices = Notices::open(kAllTables, wanted);
  if (!notices) {
    return {"notices",
            Allowed::none,
            notices.error().message(),
            "connections shorter than the interval are seen by chance, and outcomes are mostly "
            "unknown",
            grant_command()};
  }
  // socket(7): the kernel doubles what is asked for.
  const auto granted = notices->buffer_bytes() / 2;
  constexpr int kKibi = 1024;
  const auto found = fmt::format("the end of every socket, buffer {} KiB", granted / kKibi);
  if (granted >= wanted) {
    return {"notices", Allowed::all, found, {}, {}};
  }
  // About 1 KiB a notice; two for a connection within this host.
  return {"notices",
          Allowed::some,
          found,
          fmt::format("notices are lost when some {} connections end while the recorder has to "
                      "wait; each loss is recorded as a gap",
                      granted / kKibi / 2),
          grant_command()};
}

/// Calls `use` with the /proc directory of each process.
template <typename Use>
void for_each_process(Use&& use) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry{"/proc", error}, end; !error && entry != end;
       entry.increment(error)) {
    if (parse_number<std::uint32_t>(entry->path().filename().native())) {
      use(entry->path().string());
    }
  }
}

bool is_refused() {
  return errno == EACCES || errno == EPERM;
}

Finding examine_owners() {
  if (const auto listed = HeldSockets::open(); listed && listed->list()) {
    return {"owners", Allowed::all, "the kernel lists the sockets of every process", {}, {}};
  }
  std::size_t all = 0;
  std::size_t closed = 0;
  for_each_process([&](const std::string& path) {
    ++all;
    char link = 0;
    // Reading the links in fd/ needs the same right as reading this link.
    const bool refused = ::readlink((path + "/exe").c_str(), &link, 1) < 0 && is_refused();
    // Checks our effective rights; access(2) checks the real ones.
    const bool listed =
        ::faccessat(AT_FDCWD, (path + "/fd").c_str(), R_OK | X_OK, AT_EACCESS) == 0 ||
        !is_refused();
    if (refused || !listed) {
      ++closed;
    }
  });
  const auto found =
      fmt::format("descriptors of {} of {} processes can be read", all - closed, all);
  if (closed == 0) {
    return {"owners", Allowed::all, found, {}, {}};
  }
  return {"owners",
          Allowed::some,
          found,
          "the owners of other users' sockets stay unknown (not_permitted)",
          grant_command()};
}

Finding examine_namespaces() {
  std::size_t hidden = 0;
  for_each_process([&](const std::string& path) {
    struct stat info {};
    if (::stat((path + "/ns/net").c_str(), &info) != 0 && is_refused()) {
      ++hidden;
    }
  });
  const auto own = own_network_namespace();
  auto others = NamespaceSearch{}.all();
  others.erase(own);
  const bool may_enter =
      within_namespace(own, static_cast<std::uint32_t>(::getpid()), [] {}).has_value();
  auto found = fmt::format("ours and {} other{}", others.size(), others.size() == 1 ? "" : "s");
  if (hidden > 0) {
    found += fmt::format("; {} process{} may not be asked", hidden, hidden == 1 ? "" : "es");
  }
  if (may_enter && hidden == 0) {
    return {"namespaces", Allowed::all, found, {}, {}};
  }
  return {"namespaces",
          Allowed::some,
          found + (may_enter ? "" : "; others may not be entered"),
          may_enter ? "connections in namespaces where only such processes live are not recorded"
                    : "connections within containers are not recorded",
          grant_command()};
}

Finding examine_counters() {
  const auto bytes = read_file("/proc/net/snmp", kMaxSnmpText);
  if (bytes && as_text(*bytes).find("PassiveOpens") != std::string_view::npos) {
    return {"counters", Allowed::all, "the kernel's own count of opens", {}, {}};
  }
  return {"counters",
          Allowed::none,
          bytes ? "/proc/net/snmp has no PassiveOpens" : bytes.error().message(),
          "reports cannot say which share of all connections they saw",
          {}};
}

Finding examine_descriptors() {
  constexpr rlim_t kEnough = 4096;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto found = limit.rlim_max == RLIM_INFINITY ? std::string{"no limit"}
                                                     : fmt::format("up to {}", limit.rlim_max);
  if (limit.rlim_max >= kEnough) {
    return {"descriptors", Allowed::all, found, {}, {}};
  }
  return {"descriptors",
          Allowed::some,
          found,
          "the ends of processes and namespaces may be noticed late or not at all",
          "ulimit -Hn 65536"};
}

Finding examine_recording(const std::filesystem::path& recording) {
  auto place =
      recording.parent_path().empty() ? std::filesystem::path{"."} : recording.parent_path();
  std::error_code error;
  if (std::filesystem::exists(recording, error)) {
    place = recording;
  }
  // `record` creates missing directories.
  while (!std::filesystem::exists(place, error) && place.has_relative_path()) {
    place = place.parent_path().empty() ? std::filesystem::path{"."} : place.parent_path();
  }
  if (::faccessat(AT_FDCWD, place.c_str(), W_OK, AT_EACCESS) != 0) {
    return {"recording",
            Allowed::none,
            fmt::format("{} may not be written", place.string()),
            "nothing is recorded without another place",
            "netlog record --db FILE"};
  }
  constexpr std::uintmax_t kMega = 1'000'000;
  const auto space = std::filesystem::space(place, error);
  return {"recording",
          Allowed::all,
          error ? recording.string()
                : fmt::format("{}, {} MB free", recording.string(), space.available / kMega),
          {},
          {}};
}

Finding examine_rights() {
  const auto names = os::retained_capabilities({});
  return {"rights",
          Allowed::all,
          names.empty() ? "none that others have not"
                        : fmt::format("kept once recording has begun: {}", fmt::join(names, ", ")),
          {},
          {}};
}

}  // namespace

std::vector<Finding> examine_host(const std::filesystem::path& recording) {
  // With the caller's own rights, as a recorder opens it.
  const auto place = examine_recording(recording);
  const os::RaisedRights raised;
  auto tracing = examine_tracing();
  const bool traces = tracing.allowed != Allowed::none;
  auto [udp_flows, names] = examine_packets(traces);
  return {examine_tables(),
          std::move(tracing),
          std::move(udp_flows),
          std::move(names),
          examine_processes(traces),
          examine_notices(),
          examine_owners(),
          examine_namespaces(),
          examine_counters(),
          examine_descriptors(),
          place,
          examine_rights()};
}

Result<std::string> witness_of_host() {
  return fail(errc::refused, "it is for Windows, which netlog's tests have not seen");
}

}  // namespace netlog::source
