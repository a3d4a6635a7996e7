// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/recording.hpp"
#include "model/snapshot.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace netlog::record {

/// Makes snapshots and counters of raw records. Remembers the parts of a dump that is not whole,
/// when each table was read last, and the counters of the tick.
class RecordDecoder {
 public:
  /// Bytes of a gap's detail.
  static constexpr std::size_t kMaxDetail = 300;

  /// A table that was read whole.
  struct Table {
    Snapshot snapshot;
    std::int64_t read_before_ns = 0;  ///< when it was read before; its own beginning if never
    std::optional<Gap> unknown{};     ///< what some of the rows do not say
  };
  /// Nothing: the dump goes on, or a part before this one could not be read. A gap: why the table
  /// cannot be read.
  using TableResult = std::variant<std::monostate, Table, Gap>;

  TableResult decode(const capture::RawRecord& record, const capture::SockDiagDump& dump);
  TableResult decode(const capture::RawRecord& record, const capture::ProcfsTable& table);
  TableResult decode(const capture::RawRecord& record, const capture::MibTableRead& table);

  /// The rows of a table that is done with: their memory is used again.
  void recycle(std::vector<SocketRow> rows);
  /// Gives back this memory if it is far more than any table has needed since the last call. Call
  /// it between two tables. @return false if it is not
  bool shrink();
  /// Rows that there is memory for.
  [[nodiscard]] std::size_t kept_rows() const { return rows_.capacity(); }

  /// Adds to the counters of the tick. @return a gap when the record cannot be read
  std::optional<Gap> decode(const capture::RawRecord& record, const capture::Snmp& counters);
  std::optional<Gap> decode(const capture::RawRecord& record, const capture::Snmp6& counters);
  std::optional<Gap> decode(const capture::RawRecord& record,
                            const capture::MibStatisticsRead& counters);

  /// The counters since the last call, in order of namespace.
  std::vector<Counters> take_counters();

  /// A gap in these tables since they were read last; within the record's time if there are none.
  [[nodiscard]] Gap unreadable(const capture::RawRecord& record,
                               TableSet tables,
                               std::string why) const;

 private:
  struct TableKey {
    std::uint64_t netns = 0;
    TableSet tables = 0;
    auto operator<=>(const TableKey&) const = default;
  };

  TableResult whole(const capture::RawRecord& record,
                    Snapshot snapshot,
                    Result<std::vector<SocketRow>> rows);

  std::vector<SocketRow> rows_;            ///< of the dump under way
  std::size_t most_rows_ = 0;              ///< of a table, since the last shrink()
  std::optional<std::int64_t> next_part_;  ///< of that dump; absent: it could not be read
  std::int64_t dump_began_ns_ = 0;
  std::map<TableKey, std::int64_t> last_read_ns_;
  std::vector<Counters> counters_;  ///< since they were taken last, oldest first
};

}  // namespace netlog::record
