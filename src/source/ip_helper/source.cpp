// SPDX-License-Identifier: MIT
#include "source/ip_helper/source.hpp"

#include "model/snapshot.hpp"
#include "os/clock.hpp"
#include "source/ip_helper/processes.hpp"
#include "source/ip_helper/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace netlog::source::ip_helper {
namespace {

/// How one table is read.
struct Reading {
  Protocol protocol = Protocol::tcp;
  Family family = Family::ipv4;
  std::optional<capture::MibTable> rows;  ///< absent: the system lacks the family
  bool offload = false;

  [[nodiscard]] TableSet table() const {
    FiveTuple tuple;
    tuple.protocol = protocol;
    tuple.local.address.family = family;
    return table_bit(table_of(tuple));
  }
};

class IpHelperSource final : public LiveSource {
 public:
  explicit IpHelperSource(std::unique_ptr<Api> api)
      : api_{std::move(api)}, reader_{*api_}, processes_{*api_} {}

  /// Chooses the class of each table.
  Result<void> open() {
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
      for (const auto family : {Family::ipv4, Family::ipv6}) {
        Reading reading{protocol, family, std::nullopt, false};
        if (auto opened = choose_class(reading); !opened) {
          return opened;
        }
        readings_.push_back(reading);
      }
    }
    return {};
  }

  [[nodiscard]] std::string name() const override { return "iphlpapi"; }
  [[nodiscard]] std::string fallback_reason() const override { return fallback_reason_; }
  [[nodiscard]] bool tracing() const override { return false; }
  [[nodiscard]] bool drains() const override { return false; }  // there are only samples

  void sample(const SamplePlan& plan, capture::RecordSink& sink) override {
    if (plan.changes) {
      refresh_processes(sink);
    }
    const bool with_offload =
        plan.info && (has_offloaded_ || offload_plans_++ % kPlansBetweenOffloads == 0);
    for (auto& reading : readings_) {
      if (reading.rows && (reading.protocol == Protocol::udp || plan.tcp)) {
        read(reading, with_offload, sink);
      }
    }
    read_ns_ = os::read_boot_clock_ns();
    if (plan.counters) {
      read_counters(sink);
    }
  }

  bool drain(capture::RecordSink& /*sink*/) override { return true; }

  /// The holder key of a row is the pid that the table names.
  void find_owners(std::span<const OwnerQuery> questions,
                   std::chrono::nanoseconds /*budget*/,
                   capture::RecordSink& sink) override {
    const auto began_ns = os::read_boot_clock_ns();
    std::set<std::uint64_t> pids;
    for (const auto& question : questions) {
      pids.insert(question.key);
    }
    const auto refreshed = refresh_processes(sink);
    if (refreshed != kNoError && refreshed != kAccessDenied) {
      return;  // the queries are repeated
    }
    const auto why = refreshed == kAccessDenied ? UnknownOwner::not_permitted : UnknownOwner::gone;
    std::string text;
    for (const auto key : pids) {
      if (processes_.report(static_cast<std::uint32_t>(key), read_ns_, sink)) {
        text += fmt::format("{} {}\n", key, key);
      } else {
        text += fmt::format("{} - {}\n", key, netlog::name(why));
      }
    }
    sink.consume(make(capture::SocketHolders{bytes_of(text)}, began_ns));
  }

  void forget(std::span<const std::uint64_t> /*keys*/) override {}  // keeps no sockets

 private:
  std::uint32_t refresh_processes(capture::RecordSink& sink) {
    const auto began_ns = os::read_boot_clock_ns();
    const auto code = processes_.refresh(sink);
    if (code != kNoError) {
      const auto why = refuse(*api_, "NtQuerySystemInformation (processes)", code).text;
      report_failure(capture::RecordKind::mib_tables, 0, began_ns, why, sink);
    }
    return code;
  }

  void note_fallback(const std::string& why) {
    if (fallback_reason_.empty()) {
      fallback_reason_ = why;
    }
  }

  /// Whether this Windows lacks the function or the class.
  static bool is_lacking(std::uint32_t code) {
    return code == kNotSupported || code == kProcNotFound || code == kInvalidParameter;
  }

  /// Whether the table is there. kGenFailure may also be a call that never works.
  static bool has_changed(std::uint32_t code) {
    return code == kUnsuccessful || code == kInsufficientBuffer;
  }

  /// An IPv6 table that exists in no class is left out. An IPv4 table must exist.
  Result<void> choose_class(Reading& reading) {
    std::string refused;
    for (const auto table : {capture::MibTable::owner_module,
                             capture::MibTable::owner_pid,
                             capture::MibTable::basic}) {
      const auto read = reader_.read(reading.protocol, reading.family, table);
      if (read) {
        reading.rows = table;
        break;
      }
      const bool lacks = is_lacking(read.error().code);
      if (refused.empty() || !lacks) {
        refused = read.error().text;
      }
      if (has_changed(read.error().code) || (!lacks && reading.family == Family::ipv6)) {
        reading.rows = table;  // it exists: each read that fails becomes a gap
        break;
      }
    }
    if (!reading.rows) {
      return reading.family == Family::ipv6 ? Result<void>{} : fail(errc::refused, refused);
    }
    if (!refused.empty()) {
      note_fallback(refused);
    }
    if (reading.protocol == Protocol::tcp) {
      choose_offload(reading);
    }
    return {};
  }

  void choose_offload(Reading& reading) {
    const auto read = reader_.read(reading.protocol, reading.family, capture::MibTable::offload);
    reading.offload = read.has_value() || has_changed(read.error().code);
    if (!reading.offload) {
      note_fallback(read.error().text);
    }
  }

  void read(Reading& reading, bool with_offload, capture::RecordSink& sink) {
    const auto began_ns = os::read_boot_clock_ns();
    auto rows = reader_.read(reading.protocol, reading.family, *reading.rows);
    if (rows && reading.rows == capture::MibTable::owner_module && row_count(*rows) == 0) {
      rows = recheck_empty(reading);
    }
    capture::MibTableRead table{reading.table(), {}};
    if (!rows) {
      return report_failure(
          capture::RecordKind::mib_tables, table.tables, began_ns, rows.error().text, sink);
    }
    const Span asked{began_ns, os::read_boot_clock_ns()};
    capture::append_section(table.sections, *reading.rows, *rows);
    if (reading.rows == capture::MibTable::owner_module) {
      report_modules(reading, *rows, sink);
    }
    if (with_offload && reading.offload) {
      const auto offload =
          reader_.read(reading.protocol, reading.family, capture::MibTable::offload);
      if (offload) {
        has_offloaded_ = has_offloaded_ || shows_offload(*offload, reading.family);
        capture::append_section(table.sections, capture::MibTable::offload, *offload);
      } else {  // of no table: the rows were read
        report_failure(capture::RecordKind::mib_tables, 0, began_ns, offload.error().text, sink);
      }
    }
    sink.consume({0, asked, std::move(table)});
  }

  /// wine returns an OWNER_MODULE table that is always empty for one family. Such a table changes
  /// to class OWNER_PID, unless it has had rows.
  Answer<std::span<const std::byte>> recheck_empty(Reading& reading) {
    auto plain = reader_.read(reading.protocol, reading.family, capture::MibTable::owner_pid);
    if (!plain || row_count(*plain) == 0 || seen_rows_.contains(reading.table())) {
      return no_rows();
    }
    reading.rows = capture::MibTable::owner_pid;
    return plain;
  }

  void report_modules(const Reading& reading,
                      std::span<const std::byte> table,
                      capture::RecordSink& sink) {
    if (row_count(table) > 0) {
      seen_rows_.insert(reading.table());
    }
    const auto began_ns = os::read_boot_clock_ns();
    capture::MibModulesRead modules;
    const auto named = api_->name_modules(reading.protocol, reading.family, table);
    if (!named.empty()) {
      processes_.forget_services();  // a service may have begun since
    }
    for (const auto& module : named) {
      const auto* const service = processes_.find_service(module.pid, module.service);
      if (service == nullptr) {
        continue;  // the system may also answer with the name of the program, or of a part of it
      }
      const auto text = fmt::format("{} {} {}", module.pid, module.tag, service->name);
      capture::append_section(modules.sections, capture::ModuleSection::service, as_bytes(text));
      capture::append_section(
          modules.sections, capture::ModuleSection::caption, as_bytes(caption_of(*service)));
    }
    if (!modules.sections.empty()) {
      sink.consume(make(std::move(modules), began_ns));
    }
  }

  static capture::RawRecord make(capture::Payload payload, std::int64_t began_ns) {
    return {0, Span{began_ns, os::read_boot_clock_ns()}, std::move(payload)};
  }

  static void report_failure(capture::RecordKind wanted,
                             TableSet tables,
                             std::int64_t began_ns,
                             const std::string& why,
                             capture::RecordSink& sink) {
    sink.consume(make(capture::TableFailed{tables, wanted, why}, began_ns));
  }

  void read_counters(capture::RecordSink& sink) {
    const auto began_ns = os::read_boot_clock_ns();
    capture::MibStatisticsRead statistics;
    const auto read = [&](capture::MibStatistics which) {
      std::vector<std::byte> bytes;
      const auto code = api_->read_statistics(which, bytes);
      const bool absent = code == kNotSupported;  // the family is not installed
      if (code == kNoError || absent) {
        capture::append_section(statistics.sections, which, bytes);
      } else if (code != kProcNotFound) {
        const auto why = refuse(*api_, call_name(which), code).text;
        report_failure(capture::RecordKind::mib_statistics, 0, began_ns, why, sink);
      }
      return code != kProcNotFound;
    };
    for (const auto& [wide, narrow] :
         {std::pair{capture::MibStatistics::tcp4_wide, capture::MibStatistics::tcp4},
          std::pair{capture::MibStatistics::tcp6_wide, capture::MibStatistics::tcp6},
          std::pair{capture::MibStatistics::udp4_wide, capture::MibStatistics::udp4},
          std::pair{capture::MibStatistics::udp6_wide, capture::MibStatistics::udp6}}) {
      if (!read(wide)) {
        read(narrow);
      }
    }
    for (const auto& [family, which] : {std::pair{Family::ipv4, capture::MibStatistics::bound4},
                                        std::pair{Family::ipv6, capture::MibStatistics::bound6}}) {
      // A call that Windows does not document may fail: then nothing is known of such sockets.
      std::vector<std::byte> table;
      if (api_->read_bound(family, table) == kNoError && !table.empty()) {
        capture::append_section(statistics.sections, which, table);
      }
    }
    sink.consume(make(std::move(statistics), began_ns));
  }

  std::unique_ptr<Api> api_;
  TableReader reader_;
  ProcessTable processes_;
  std::vector<Reading> readings_;
  std::set<TableSet> seen_rows_;  ///< tables that have had rows of class OWNER_MODULE
  /// Windows has not offloaded a connection since Windows 8: while nothing else is seen, the states
  /// are read only once a minute, of plans that come once a second.
  static constexpr int kPlansBetweenOffloads = 60;
  int offload_plans_ = 0;
  bool has_offloaded_ = false;  ///< a connection was seen that is not in the host alone
  std::string fallback_reason_;
  std::int64_t read_ns_ = 0;  ///< when the tables were read last
};

}  // namespace

Result<std::unique_ptr<LiveSource>> make_source(std::unique_ptr<Api> api, SourceChoice choice) {
  if (choice != SourceChoice::automatic && choice != SourceChoice::poll) {
    return fail(errc::refused, "on Windows the tables are polled: use --source auto or poll");
  }
  auto source = std::make_unique<IpHelperSource>(std::move(api));
  if (const auto opened = source->open(); !opened) {
    return opened.error();
  }
  return std::unique_ptr<LiveSource>{std::move(source)};
}

}  // namespace netlog::source::ip_helper
