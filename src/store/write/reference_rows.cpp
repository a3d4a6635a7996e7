// SPDX-License-Identifier: MIT
#include "store/write/reference_rows.hpp"

#include "store/db/statement.hpp"

#include <string>

namespace netlog::store {
namespace {

// Bounds of the caches; a row that is not cached is looked up in the file.
constexpr std::size_t kMaxAddresses = 100'000;
constexpr std::size_t kMaxNames = 50'000;
constexpr std::size_t kMaxPeers = 100'000;
constexpr std::size_t kMaxProcesses = 100'000;

}  // namespace

bool knows_remote(const FiveTuple& tuple) {
  return tuple.remote.port != 0 || !tuple.remote.address.is_unspecified();
}

ReferenceRows::ReferenceRows(SQLite::Database& database, const SessionStart& start)
    : database_{database},
      start_{start},
      processes_{start.owners},
      insert_address_{
          database,
          "INSERT INTO address (family, text, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"},
      find_address_{database, "SELECT id FROM address WHERE text = ?"},
      insert_name_{database, "INSERT INTO name (text) VALUES (?)"},
      find_name_{database, "SELECT id FROM name WHERE text = ?"},
      insert_peer_{database,
                   "INSERT INTO peer (direction, protocol, remote_address_id, port, name_id, "
                   "name_source) VALUES (?, ?, ?, ?, ?, ?)"},
      find_peer_{database,
                 "SELECT id FROM peer WHERE remote_address_id = ? AND port IS ? AND direction = ? "
                 "AND protocol = ? AND name_id IS ? AND name_source IS ?"},
      insert_process_{database,
                      "INSERT INTO process (session_id, pid, start, started_ns, name, exe, "
                      "cmdline, user, cgroup, service, "
                      "parent_pid, container, image, image_since_ns, unit, pod, container_name, "
                      "pod_name, exe_sha256, service_caption) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      complete_process_{
          database,
          "UPDATE process SET exe = coalesce(exe, ?2), cmdline = coalesce(cmdline, ?3), "
          "user = coalesce(user, ?4), cgroup = coalesce(cgroup, ?5), "
          "parent_pid = coalesce(parent_pid, ?6), container = coalesce(container, ?7), "
          "unit = coalesce(unit, ?8), pod = coalesce(pod, ?9), "
          "exe_sha256 = coalesce(exe_sha256, ?11) "
          "WHERE id = ?1 AND (session_id = ?10 OR exe IS NULL OR ?2 IS NULL OR exe = ?2)"},
      find_process_{
          database,
          "SELECT p.id FROM process AS p JOIN session AS s ON s.id = p.session_id "
          "WHERE p.pid = ? AND p.start = ? AND p.image = ? AND (s.id = ? OR s.boot_id = ?) "
          "ORDER BY p.id DESC LIMIT 1"} {}

std::int64_t ReferenceRows::address(const IpAddress& address) {
  if (const auto cached = addresses_.find(address); cached != addresses_.end()) {
    return cached->second;
  }
  const auto text = to_string(address);
  auto id = BoundStatement{find_address_}.with(text).number();
  if (!id) {
    BoundStatement{insert_address_}
        .with(address.family)
        .with(text)
        .blob(address.bytes.data(), address.size())
        .exec();
    id = database_.getLastInsertRowid();
  }
  if (addresses_.size() >= kMaxAddresses) {
    addresses_.clear();
  }
  addresses_.emplace(address, *id);
  return *id;
}

std::int64_t ReferenceRows::name(const std::string& name) {
  if (const auto cached = names_.find(name); cached != names_.end()) {
    return cached->second;
  }
  auto id = BoundStatement{find_name_}.with(name).number();
  if (!id) {
    BoundStatement{insert_name_}.with(name).exec();
    id = database_.getLastInsertRowid();
  }
  if (names_.size() >= kMaxNames) {
    names_.clear();
  }
  names_.emplace(name, *id);
  return *id;
}

std::optional<std::int64_t> ReferenceRows::peer(const Connection& connection) {
  if (connection.direction == Direction::listen || !knows_remote(connection.tuple)) {
    return std::nullopt;
  }
  const auto peer = peer_of(connection);
  if (const auto cached = peers_.find(peer); cached != peers_.end()) {
    return cached->second;
  }
  const auto id = find_or_insert(peer);
  if (peers_.size() >= kMaxPeers) {
    peers_.clear();
  }
  peers_.emplace(peer, id);
  return id;
}

ReferenceRows::Peer ReferenceRows::peer_of(const Connection& connection) {
  const auto& tuple = connection.tuple;
  const bool inbound = connection.direction == Direction::inbound;
  Peer peer{.direction = static_cast<std::int64_t>(connection.direction),
            .protocol = static_cast<std::int64_t>(tuple.protocol),
            .remote_address = address(tuple.remote.address),
            .port = inbound ? tuple.local.port : tuple.remote.port};
  if (!inbound && !connection.remote_name.empty()) {
    peer.name = name(connection.remote_name);
    peer.name_source = static_cast<std::int64_t>(connection.name_source);
  }
  return peer;
}

std::int64_t ReferenceRows::find_or_insert(const Peer& peer) {
  const auto known = [](std::int64_t number) {
    return number == 0 ? std::nullopt : std::optional{number};
  };
  const auto port = known(peer.port);
  const auto name = known(peer.name);
  const auto name_source = known(peer.name_source);
  if (const auto id = BoundStatement{find_peer_}
                          .with(peer.remote_address)
                          .with(port)
                          .with(peer.direction)
                          .with(peer.protocol)
                          .with(name)
                          .with(name_source)
                          .number()) {
    return *id;
  }
  BoundStatement{insert_peer_}
      .with(peer.direction)
      .with(peer.protocol)
      .with(peer.remote_address)
      .with(port)
      .with(name)
      .with(name_source)
      .exec();
  return database_.getLastInsertRowid();
}

std::optional<std::int64_t> ReferenceRows::process(const std::optional<ProcessId>& process) {
  if (!process) {
    return std::nullopt;
  }
  if (const auto cached = processes_.find(*process); cached != processes_.end()) {
    return cached->second;
  }
  const auto row = BoundStatement{find_process_}
                       .with(process->pid)
                       .with(process->start)
                       .with(process->image)
                       .with(start_.session_id)
                       .with(start_.boot_id)
                       .number();
  if (processes_.size() >= kMaxProcesses) {
    processes_.clear();
  }
  if (row) {
    processes_.emplace(*process, *row);
  }
  return row;
}

void ReferenceRows::add(const Process& process) {
  // An earlier session of the same boot may have inserted it.
  processes_.erase(process.id);
  auto known = this->process(process.id);
  if (known) {
    // What could not be read before may be known by now. A program that it has executed between
    // two sessions is another image.
    BoundStatement{complete_process_}
        .with(*known)
        .with(process.exe)
        .with(process.cmdline)
        .with(process.user)
        .with(process.cgroup)
        .with(process.parent_pid)
        .with(process.container)
        .with(process.unit)
        .with(process.pod)
        .with(start_.session_id)
        .with(process.exe_sha256)
        .exec();
    if (database_.getChanges() == 0) {
      known.reset();
    }
  }
  if (!known) {
    BoundStatement{insert_process_}
        .with(start_.session_id)
        .with(process.id.pid)
        .with(process.id.start)
        .with(process.started_ns)
        .with(process.name)
        .with(process.exe)
        .with(process.cmdline)
        .with(process.user)
        .with(process.cgroup)
        .with(process.service)
        .with(process.parent_pid)
        .with(process.container)
        .with(process.id.image)
        .with(process.image_since_ns)
        .with(process.unit)
        .with(process.pod)
        .with(process.container_name)
        .with(process.pod_name)
        .with(process.exe_sha256)
        .with(process.service_caption)
        .exec();
    known = database_.getLastInsertRowid();
  }
  processes_.insert_or_assign(process.id, *known);
}

void ReferenceRows::forget() {
  processes_.clear();
  addresses_.clear();
  names_.clear();
  peers_.clear();
}

}  // namespace netlog::store
