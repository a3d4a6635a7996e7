// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/read/reader.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace netlog::report {

/// What a recording held at one moment.
struct NewestRows {
  std::int64_t session = 0;
  std::int64_t session_started_ns = 0;
  std::int64_t event = 0;             ///< 0: none
  std::int64_t event_connection = 0;  ///< of which it is
  std::int64_t event_at_ns = 0;
  std::int64_t connection = 0;  ///< the largest id; 0: none
  std::int64_t deleted = 0;     ///< connections that retention has deleted so far
  std::int64_t version = 0;     ///< grows with each change of the recording
};

/// What distinguishes a recording from others. A clip is another recording than its source: it
/// lacks rows.
struct RecordingIdentity {
  std::string host;                              ///< of the oldest session
  std::string boot_id;                           ///< the same; empty: not known
  std::string clip;                              ///< empty: it is no clip
  std::pair<std::int64_t, std::int64_t> oldest;  ///< id and begin of the oldest session
  std::vector<std::pair<std::int64_t, std::int64_t>> sessions;  ///< of the oldest and newest 100
  std::set<std::string> hosts;                                  ///< of these
};

/// Rows that were read at one moment.
struct ShipPage {
  NewestRows newest;                    ///< at that moment
  std::vector<std::vector<Cell>> rows;  ///< the columns of src/report/sql/export/shipped.sql
  std::int64_t last = 0;                ///< the event, or the id, up to which this page goes
  std::int64_t last_connection = 0;     ///< changed(): whose event `last` is
  std::int64_t last_at_ns = 0;          ///< changed(): when it was
  bool is_last = true;                  ///< there was nothing behind it
  /// changed(): connections whose last event is older than the page are still there. Retention
  /// deletes the oldest ones first, so it has deleted none of the page's.
  bool has_older = false;
};

/// The connections that ended between two moments in which retention worked.
struct Deletions {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};

/// Reads a recording for `netlog ship`, in pages. A page is short, so that no reader holds up the
/// recorder for long. All functions throw StoreError from the reader.
class ShipFeed {
 public:
  explicit ShipFeed(store::Reader& reader) : reader_{reader} {}

  /// Absent if no session has begun.
  std::optional<RecordingIdentity> identity();
  NewestRows newest();

  /// Whether the file has this event. A file that was set back by a power cut may have another one
  /// of that number.
  bool has_event(std::int64_t event, std::int64_t connection, std::int64_t at_ns);
  /// Those of these connections that it has not.
  std::vector<std::int64_t> missing(const std::vector<std::int64_t>& connections);
  Deletions deletions();

  /// Connections by id, those after this one.
  ShipPage first(std::int64_t connection);
  /// Connections with events after this one, as they are now.
  ShipPage changed(std::int64_t event);
  /// Connections that are open, by id, those after this one.
  ShipPage open(std::int64_t connection);
  /// Sessions from this one on; gaps after this one, and those of retention; windows of coverage
  /// after this one. At most 10,000.
  ShipPage sessions(std::int64_t session);
  ShipPage gaps(std::int64_t gap);
  ShipPage coverage(std::int64_t window);

 private:
  void at_one_moment(const std::function<void()>& read);
  std::int64_t number(std::string_view query, const store::Parameters& parameters);
  NewestRows read_newest();
  ShipPage connections(std::string_view query, std::string_view parameter, std::int64_t after);
  bool add_connections(ShipPage& page,
                       std::string_view query,
                       const store::Parameters& parameters,
                       std::int64_t most);
  bool add_rows(ShipPage& page, const std::vector<std::int64_t>& ids, bool is_only_one);
  ShipPage references(std::string_view query,
                      std::string_view parameter,
                      std::int64_t after,
                      std::size_t id_column);

  store::Reader& reader_;
};

}  // namespace netlog::report
