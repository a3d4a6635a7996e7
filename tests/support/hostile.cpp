// SPDX-License-Identifier: MIT
#include "support/hostile.hpp"

#include "render/data_json.hpp"
#include "report/check.hpp"
#include "report/definition.hpp"
#include "report/incident.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "store/salvage/salvage.hpp"
#include "store/write/writer.hpp"
#include "support/load.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::test {
namespace {

using Random = std::mt19937_64;

constexpr std::size_t kPage = 4096;
constexpr std::int64_t kMaxRows = 100;
constexpr std::uint64_t kSalvageEach = 3;  // it takes the longest

std::size_t below(Random& random, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>{0, end - 1}(random);
}

std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out{path, std::ios::binary};
  out << bytes;
}

void flip_bits(std::string& bytes, Random& random) {
  for (auto n = 1 + below(random, 32); n > 0; --n) {
    auto& byte = bytes[below(random, bytes.size())];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << below(random, 8)));
  }
}

void swap_pages(std::string& bytes, Random& random) {
  const auto pages = bytes.size() / kPage;
  for (auto n = 1 + below(random, 3); n > 0 && pages > 1; --n) {
    const auto a = below(random, pages) * kPage;
    const auto b = below(random, pages) * kPage;
    const auto kept = bytes.substr(a, kPage);
    bytes.replace(a, kPage, bytes.substr(b, kPage));
    bytes.replace(b, kPage, kept);
  }
}

void cut_off(std::string& bytes, Random& random) {
  bytes.resize(below(random, bytes.size()));
}

/// Numbers that lengths, offsets and page numbers should not be.
void put_number(std::string& bytes, std::size_t at, Random& random) {
  constexpr std::array<std::uint32_t, 9> kNumbers{
      0, 1, 2, 0x7F, 0xFFFF, 0x8000, 0x7FFFFFFF, 0xFFFFFFFF, 0x01000000};
  auto number = kNumbers.at(below(random, kNumbers.size()));
  if (below(random, 4) == 0) {
    number = static_cast<std::uint32_t>(below(random, bytes.size() / kPage + 2));  // a page
  }
  const auto size = std::size_t{1} << below(random, 3);
  for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i) {
    bytes[at + i] = static_cast<char>(number >> 8U * (size - 1 - i));
  }
}

void turn_pointers(std::string& bytes, Random& random) {
  for (auto n = 1 + below(random, 6); n > 0; --n) {
    const auto page = below(random, std::max<std::size_t>(bytes.size() / kPage, 1));
    put_number(bytes, page * kPage + (page == 0 ? 100 : 0) + below(random, 40), random);
  }
}

void turn_header(std::string& bytes, Random& random) {
  for (auto n = 1 + below(random, 3); n > 0; --n) {
    put_number(bytes, 16 + below(random, 84), random);
  }
}

void put_varints(std::string& bytes, Random& random) {
  for (auto n = 1 + below(random, 8); n > 0; --n) {
    const auto at = below(random, bytes.size());
    for (std::size_t i = at; i < std::min(bytes.size(), at + 1 + below(random, 9)); ++i) {
      bytes[i] = '\xFF';
    }
  }
}

void overwrite(std::string& bytes, Random& random) {
  const auto at = below(random, bytes.size());
  const auto end = std::min(bytes.size(), at + 1 + below(random, 2 * kPage));
  for (auto i = at; i < end; ++i) {
    bytes[i] = static_cast<char>(random());
  }
}

/// What SQL can do to a recording that its reader does not expect.
const std::vector<std::string>& schemes() {
  static const std::vector<std::string> kSchemes{
      "UPDATE sqlite_schema SET sql = 'CREATE VIEW gaps AS WITH RECURSIVE n (i) AS (SELECT 1 UNION "
      "ALL SELECT i + 1 FROM n) SELECT i AS id FROM n' WHERE name = 'gaps'",
      "UPDATE sqlite_schema SET sql = 'CREATE VIEW gaps AS SELECT * FROM gaps' WHERE name = 'gaps'",
      "UPDATE sqlite_schema SET sql = 'CREATE VIEW sessions AS SELECT load_extension(''x'') AS id' "
      "WHERE name = 'sessions'",
      "CREATE TRIGGER t AFTER INSERT ON session BEGIN DELETE FROM event; END",
      "CREATE TRIGGER t BEFORE UPDATE ON session BEGIN SELECT RAISE(FAIL, 'x'); END",
      "CREATE TEMP TABLE x (y); CREATE TABLE more (a, b AS (zeroblob(1 << 30)))",
      "CREATE INDEX i ON event (abs(connection_id))",
      "CREATE TABLE more (x CHECK (x = randomblob(1 << 29)))",
      "UPDATE sqlite_schema SET rootpage = 0 WHERE name = 'event'",
      "UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'connection'",
      "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = "
      "'address') WHERE name = 'event'",
      "UPDATE sqlite_schema SET rootpage = 2147483647 WHERE name = 'session'",
      "UPDATE sqlite_schema SET sql = NULL WHERE name = 'event'",
      "UPDATE sqlite_schema SET sql = zeroblob(1000000) WHERE name = 'event'",
      "UPDATE sqlite_schema SET sql = replace(hex(zeroblob(400000)), '00', '((') WHERE name = "
      "'gap'",
      "UPDATE sqlite_schema SET name = 'event', tbl_name = 'event' WHERE name = 'gap'",
      "UPDATE sqlite_schema SET type = 'view' WHERE name = 'event'",
      "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING "
      "fts5(x)')",
      "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING "
      "csv(filename=''/etc/passwd'')')",
      "INSERT INTO sqlite_schema SELECT * FROM sqlite_schema",
      "DELETE FROM sqlite_schema WHERE name = 'event_by_connection'",
      "DELETE FROM sqlite_schema",
      "UPDATE event SET at_ns = 9223372036854775807",
      "UPDATE event SET at_ns = -9223372036854775808, error_ns = 9223372036854775807",
      "UPDATE connection SET opened_after_ns = -9223372036854775808, closed_after_ns = "
      "9223372036854775807",
      "UPDATE connection SET first_seen_ns = 9223372036854775807",
      "UPDATE connection SET first_seen_ns = -9223372036854775808, netns_above = "
      "9223372036854775807",
      "UPDATE connection SET history = '[[9223372036854775807,1,1,1,1,1]]', last_event = 1",
      "UPDATE connection SET bytes_sent = 9223372036854775807, bytes_received = "
      "9223372036854775807, duration_bucket = NULL, flow_id = NULL",
      "UPDATE flow_sum SET connections = 9223372036854775807, bytes_sent = 9223372036854775807",
      "UPDATE event SET kind = 99, old = -1, new = 9223372036854775807",
      "UPDATE connection SET protocol = 255, direction = -1, state = 99, local_port = -5, "
      "remote_port = 9999999999",
      "UPDATE connection SET id = id + 9223372036854770000",
      "UPDATE connection SET local_address_id = 0, remote_address_id = -1, session_id = 77",
      "UPDATE session SET started_ns = 9223372036854775807, alive_ns = -9223372036854775808",
      "UPDATE session SET ended_ns = -9223372036854775808, interval_ns = 0, utc_offset_s = "
      "9223372036854775807",
      "UPDATE session SET id = 9223372036854775807",
      "DELETE FROM session",
      "DELETE FROM duration_bucket",
      "UPDATE gap SET reason = CAST(x'ff00c3281b5b324a' AS TEXT)",
      "DROP VIEW gaps; CREATE VIEW gaps AS SELECT * FROM gaps",
      "ALTER TABLE gap RENAME TO gap2; CREATE VIEW gap AS SELECT * FROM gap2",
      "ALTER TABLE event ADD COLUMN more BLOB AS (zeroblob(1 << 30))",
      "CREATE TABLE shadow (type, name, tbl_name, rootpage, sql); UPDATE sqlite_schema SET name = "
      "'sqlite_schema', tbl_name = 'sqlite_schema', sql = 'CREATE TABLE sqlite_schema (type, name, "
      "tbl_name, rootpage, sql)' WHERE name = 'shadow'",
      "UPDATE process SET name = CAST(x'1b5d303b68610700e280ae' AS TEXT), cmdline = "
      "hex(zeroblob(3000000))",
      "UPDATE address SET text = text || char(10) || 'x', bytes = x''",
      "UPDATE gap SET from_ns = 9223372036854775807, to_ns = -9223372036854775808, lost = -1",
      "UPDATE counter_sample SET at_ns = -9223372036854775808, in_segs = -9223372036854775808",
      "UPDATE lookup SET at_ns = -9223372036854775808, type = -1, rcode = 9223372036854775807, "
      "latency_ns = -1, ttl_s = -1, name_id = 0, server_id = 0, server_port = -1",
      "UPDATE name SET text = CAST(x'1b5d303b68610700e280ae' AS TEXT) || hex(zeroblob(300000)) || "
      "id",
      "UPDATE lookup SET answers = CAST(x'1b5d303b68610700e280ae' AS TEXT)",
      "UPDATE peer SET name_id = 77, name_source = 99",
      "PRAGMA journal_mode = WAL",
      "PRAGMA journal_mode = PERSIST; CREATE TABLE x (y); DROP TABLE x",
      "PRAGMA page_size = 512; VACUUM",
      "PRAGMA page_size = 65536; VACUUM",
      "PRAGMA auto_vacuum = FULL; VACUUM",
      "PRAGMA user_version = 0",
      "PRAGMA user_version = 1",
      "PRAGMA user_version = 3",
      "PRAGMA user_version = -1",
      "PRAGMA application_id = 0",
      "PRAGMA schema_version = 2147483647",
  };
  return kSchemes;
}

void run_scheme(const std::filesystem::path& path, Random& random) {
  const auto& sql = schemes()[below(random, schemes().size())];
  SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE};
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  database.exec(
      "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA writable_schema = ON");
  database.tryExec(sql);  // of two schemes the first can stand in the way of the second
}

using Change = void (*)(std::string&, Random&);
constexpr std::array<Change, 8> kChanges{flip_bits,
                                         swap_pages,
                                         cut_off,
                                         turn_pointers,
                                         turn_header,
                                         put_varints,
                                         overwrite,
                                         turn_pointers};

void change(std::string& bytes, Random& random) {
  for (auto n = 1 + below(random, 2); n > 0 && !bytes.empty(); --n) {
    kChanges.at(below(random, kChanges.size()))(bytes, random);
  }
}

/// What a question leads to; true: an answer, false: an error in one line.
/// @throws anything else
bool answers(const std::function<void()>& question) {
  try {
    question();
    return true;
  } catch (const store::StoreError& error) {
    if (std::string_view{error.what()}.find('\n') != std::string_view::npos) {
      throw std::runtime_error{std::string{"an error of more than one line: "} + error.what()};
    }
    return false;
  } catch (const UsageError&) {  // its times are centuries apart: a page wants a window
    return false;
  }
}

}  // namespace

HostileFiles::HostileFiles(std::filesystem::path directory) : directory_{std::move(directory)} {
  std::filesystem::create_directories(directory_);
  const auto path = directory_ / "seed.db";
  for (std::int64_t session = 1; session <= 2; ++session) {
    Load load{5, session};
    store::Writer writer{path, load.session()};
    writer.push(load.batch(60));
    writer.push(load.batch(60));
    writer.finish(load.now_ns());
  }
  plain_ = bytes_of_file(path);
  Load load{5, 3};
  store::Writer writer{path, load.session()};
  writer.push(load.batch(60));
  while (writer.totals().events < load.events()) {
    std::this_thread::yield();
  }
  unended_ = bytes_of_file(path);
  wal_ = bytes_of_file(with_suffix(path, "-wal"));
}

void HostileFiles::make(std::uint64_t number) {
  Random random{number};
  const auto path = directory_ / "case.db";
  for (const auto* const suffix : {"", "-wal", "-shm", "-journal"}) {
    std::filesystem::remove(with_suffix(path, suffix));
  }
  switch (below(random, 8)) {
    case 0: {  // a WAL that was changed
      auto wal = wal_;
      change(wal, random);
      write_file(path, unended_);
      write_file(with_suffix(path, "-wal"), wal);
      break;
    }
    case 1: {  // a file that was changed below a WAL that was not
      auto bytes = unended_;
      change(bytes, random);
      write_file(path, bytes);
      write_file(with_suffix(path, "-wal"), wal_);
      break;
    }
    case 2: {  // garbage beside it
      auto bytes = plain_.substr(0, below(random, plain_.size()));
      change(bytes, random);
      write_file(path, plain_);
      write_file(with_suffix(path, below(random, 2) == 0 ? "-wal" : "-journal"), bytes);
      break;
    }
    case 3:
    case 4:
      write_file(path, plain_);
      run_scheme(path, random);
      break;
    case 5: {  // both
      write_file(path, plain_);
      run_scheme(path, random);
      auto bytes = bytes_of_file(path);
      change(bytes, random);
      write_file(path, bytes);
      break;
    }
    default: {
      auto bytes = plain_;
      change(bytes, random);
      write_file(path, bytes);
    }
  }
}

std::string HostileFiles::open(std::uint64_t number) {
  const auto path = directory_ / "case.db";
  const auto out = directory_ / "out.db";
  const char* doing = "making it";
  try {
    make(number);
    if (number % kSalvageEach == 0) {
      doing = "salvaging it";
      std::filesystem::remove(out);
      answers([&] { store::salvage(path, out); });
    }
    doing = "reading it";
    const bool opened = answers([&] {
      store::Reader reader{path};
      for (const auto* const report : {"overview", "connections", "gaps"}) {
        answers([&] { report::run_report(reader, report, {}, kMaxRows); });
      }
      answers([&] { report::check(reader, kMaxRows); });
      answers([&] {
        const report::IncidentOptions page{kMaxRows, std::vector<std::string>{}, kMaxRows, {}, {}};
        render::incident_json(report::read_incident(reader, {}, page));
      });
    });
    ++(opened ? read_ : refused_);
    doing = "recording into it";
    answers([&] {
      Load load{5, 9};
      store::Writer writer{path, load.session()};
      writer.push(load.batch(20));
      writer.finish(load.now_ns());
    });
  } catch (const std::exception& error) {
    return fmt::format("case {}: {}: {}", number, doing, error.what());
  }
  return {};
}

}  // namespace netlog::test
