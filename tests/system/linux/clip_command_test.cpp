// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace netlog_tests::clip_command_test {

using namespace netlog;
using netlog::test::contains_text;
using netlog::test::rows;
using netlog::test::run;
using netlog::test::Scratch;

namespace {

constexpr std::int64_t kBegin = 1'763'700'000'000'000'000;  // 2025-11-21T04:40:00Z
constexpr const char* kWindow = "2025-11-21T04:30:00Z..2025-11-21T05:00:00Z";

/// A recording of a thousand processes.
std::string make_recording(const Scratch& scratch) {
  const auto path = scratch / "a.db";
  store::Writer writer{
      path, Session{"host-of-alice", "os", "k", "0.1.0", "b", 0, 1'000'000, "trace", kBegin}};
  std::vector<store::Item> items;
  for (std::uint32_t pid = 1; pid <= 1000; ++pid) {
    Process process;
    process.id = {pid, pid};
    process.started_ns = kBegin;
    process.name = "worker";
    process.cmdline = fmt::format("/srv/worker --token {:064}", pid);
    process.user = "alice";
    items.emplace_back(process);
  }
  items.emplace_back(Heartbeat{kBegin + 1'000'000'000, 1, 0, 0});
  writer.push(std::move(items));
  writer.finish(kBegin + 2'000'000'000);
  return path.string();
}

std::set<std::string> files_in(const Scratch& scratch) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{scratch / "."}) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("clip refuses what it does not understand", "[cli]") {
  const Scratch scratch;
  const auto db = make_recording(scratch);
  const auto out = (scratch / "out.db").string();
  const auto [arguments, message] = GENERATE(table<std::vector<std::string>, std::string>({
      {{kWindow, "--redact-keep", "host"}, "need --redact"},
      {{kWindow, "--redact-key", "k"}, "need --redact"},
      {{kWindow, "--redact", "--redact-keep", "host,hosts"},
       "--redact-keep \"hosts\" is none of address, boot, cgroup, cmdline, container, "
       "container_name, detail, dns_name, exe, host, kernel, name, os, pod, pod_name, service, "
       "unit, user"},
      {{"14:00"}, "\"14:00\" is not a window"},
      {{kWindow, "--port", "no such service"}, "--port"},
      {{"2025-11-21T05:00:00Z..2025-11-21T04:00:00Z"}, "ends before it begins"},
  }));
  std::vector<std::string> all{"clip", "--db", db, "-o", out};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const auto finished = run(all);
  CAPTURE(finished.err);
  CHECK(finished.exit_code == 2);
  std::string plain = message;
  for (auto at = plain.find('"'); at != std::string::npos; at = plain.find('"')) {
    plain[at] = '\'';  // as quote() has it
  }
  CHECK_THAT(finished.err, contains_text(plain));
  CHECK(files_in(scratch) == std::set<std::string>{"a.db"});
}

TEST_CASE("a clip is one private file that names what it was cut from", "[cli]") {
  const Scratch scratch;
  const auto db = make_recording(scratch);
  const auto out = (scratch / "out.db").string();
  const auto made = run({"clip", kWindow, "--db", db, "-o", out, "--port", "443"});
  CAPTURE(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK_THAT(
      made.out,
      contains_text("0 connections") && contains_text("names and addresses are as recorded"));
  CHECK(files_in(scratch) == std::set<std::string>{"a.db", "out.db"});
  CHECK(mode_of(out) == 0600);
  CHECK(run({"check", "--db", out}).exit_code == 0);
  CHECK_THAT(run({"info", "--db", out, "--format", "csv"}).out,
             contains_text("a.db,1763700002000000000") && contains_text("--port 443"));

  const auto before = bytes_of(out);
  const auto again = run({"clip", kWindow, "--db", db, "-o", out});
  CHECK(again.exit_code == 1);
  CHECK_THAT(again.err, contains_text("it exists"));
  CHECK(bytes_of(out) == before);
  std::filesystem::create_symlink("nowhere", scratch / "link.db");
  CHECK(run({"clip", kWindow, "--db", db, "-o", (scratch / "link.db").string()}).exit_code == 1);
}

TEST_CASE("a key is made once, private, and gives the same file again", "[cli]") {
  const Scratch scratch;
  const auto db = make_recording(scratch);
  const auto key = (scratch / "key").string();
  const auto cut = [&](const char* name) {
    return run({"clip",
                kWindow,
                "--db",
                db,
                "-o",
                (scratch / name).string(),
                "--redact",
                "--redact-key",
                key,
                "--user",
                "alice"});
  };
  REQUIRE(cut("1.db").exit_code == 0);
  CHECK(mode_of(key) == 0600);
  CHECK(std::filesystem::file_size(key) == 32);
  REQUIRE(cut("2.db").exit_code == 0);
  CHECK(bytes_of(scratch / "1.db") == bytes_of(scratch / "2.db"));
  CHECK(bytes_of(scratch / "1.db").find("alice") == std::string::npos);
  CHECK(rows(scratch / "1.db", "SELECT filters FROM clip") == "--user ...\n");

  std::filesystem::permissions(
      key, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  const auto open = cut("3.db");
  CHECK(open.exit_code == 1);
  CHECK_THAT(open.err, contains_text("chmod it to 600"));
  std::filesystem::permissions(key, std::filesystem::perms{0600});
  std::ofstream{key} << "too short";
  const auto weak = cut("3.db");
  CHECK(weak.exit_code == 1);
  CHECK_THAT(weak.err, contains_text("has 9 bytes, a key has at least 32"));
  CHECK(files_in(scratch) == std::set<std::string>{"1.db", "2.db", "a.db", "key"});
}

TEST_CASE("what fails half-way leaves nothing behind", "[cli]") {
  const Scratch scratch;
  const auto db = make_recording(scratch);
  // The last leaf of the processes; what is read first is whole.
  const auto page = std::stoll(
      rows(db, "SELECT max(pageno) FROM dbstat WHERE name = 'process' AND pagetype = 'leaf'"));
  {
    std::fstream file{db, std::ios::binary | std::ios::in | std::ios::out};
    file.seekp((page - 1) * 4096);
    file << std::string(4096, '\x55');
  }
  const auto key = (scratch / "key").string();
  const auto failed = run({"clip",
                           kWindow,
                           "--db",
                           db,
                           "-o",
                           (scratch / "out.db").string(),
                           "--redact",
                           "--redact-key",
                           key});
  CHECK(failed.exit_code == 1);
  CHECK_THAT(failed.err, contains_text("malformed"));
  CHECK(files_in(scratch) == std::set<std::string>{"a.db"});
}

}  // namespace netlog_tests::clip_command_test
