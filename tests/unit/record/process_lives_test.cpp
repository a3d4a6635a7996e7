// SPDX-License-Identifier: MIT
#include "record/process_lives.hpp"

#include "capture/capture_file.hpp"
#include "capture/sections.hpp"
#include "record/session.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace netlog_tests::record_process_lives_test {

using namespace netlog;
using namespace netlog::record;
using capture::RawRecord;
using enum ProcessEvent::Kind;

namespace {

constexpr ProcessId kProcess{7, 100};
constexpr Moment kFound{900, 300};
constexpr int kExit3 = 0x300;
constexpr int kKilled = 9;

ProcessEvent main_end(std::int64_t at_ns, int status) {
  return {thread_ended, kProcess.pid, true, at_ns, status};
}

ProcessEvent thread_end(std::int64_t at_ns, int status) {
  return {thread_ended, kProcess.pid, false, at_ns, status};
}

ProcessEvent exec(std::int64_t at_ns) {
  return {executed, kProcess.pid, true, at_ns, std::nullopt};
}

/// When the process ended, the error of that, and its status.
std::string end_after(const std::vector<ProcessEvent>& events) {
  ProcessLives lives;
  for (const auto& event : events) {
    lives.note(kProcess, event);
  }
  const auto end = lives.end(kProcess, kFound);
  return std::to_string(end.at.at_ns) + " " + std::to_string(end.at.error_ns) + " " +
         (end.wait_status ? std::to_string(*end.wait_status) : "unknown");
}

// --- a capture

RawRecord made(capture::Payload payload, std::int64_t from_ms, std::int64_t to_ms) {
  return {0, Span{from_ms * kNsPerMs, to_ms * kNsPerMs}, std::move(payload)};
}

/// The process 24307, started 1 s after the boot.
RawRecord read(std::int64_t at_ms, const std::string& name, const std::string& exe) {
  capture::ProcessRead process{24307, 0, {}};
  const auto append = [&](capture::ProcessSection tag, const std::string& text) {
    capture::append_section(process.sections, tag, as_bytes(text));
  };
  append(capture::ProcessSection::listed, "24307 100 1 " + name);
  append(capture::ProcessSection::exe, exe);
  append(capture::ProcessSection::started_ns, "1000000000");
  return made(std::move(process), at_ms, at_ms + 1);
}

/// /proc/net/tcp with sockets of these inodes. 553 is a listener on the port of 554.
RawRecord table(std::int64_t at_ms, const std::vector<std::string>& inodes) {
  std::string text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n";
  for (const auto& inode : inodes) {
    const bool listens = inode == "553";
    text += "   0: 0100007F:";
    text += inode == "555" ? "07E9" : "07E8";
    text += listens ? " 00000000:0000 0A" : " 0100007F:B48A 01";
    text +=
        " 00000000:00000000 00:00000000 00000000     0        0 " + inode + " 1 0 100 0 0 10 0\n";
  }
  return made(capture::ProcfsTable{Protocol::tcp, Family::ipv4, bytes_of(text)}, at_ms, at_ms);
}

RawRecord tick(std::int64_t at_ms, std::int64_t index) {
  return made(capture::TickBegin{index, 0, 0}, at_ms, at_ms);
}

RawRecord tick_end(std::int64_t at_ms) {
  return made(capture::TickEnd{}, at_ms, at_ms);
}

RawRecord holders(std::int64_t at_ms, const std::string& text) {
  return made(capture::SocketHolders{bytes_of(text)}, at_ms, at_ms);
}

/// A message of the process connector about 24307, 12 s after the boot and so many ns.
std::vector<std::byte> message(const std::string& what,
                               const std::string& at_ns,
                               const std::string& exit_code) {
  // 12 s: 2'cb41'7800
  return test::from_hex(
      "4c000000 0300 0000 00000000 00000000 01000000 01000000 00000000 00000000"
      "2800 0000" +
      what + "00000000" + at_ns + "7841cb02000000 f35e0000 f35e0000" + exit_code +
      "00000000 00000000 00000000");
}

/// Writes the records to a capture and replays it.
std::filesystem::path replayed(const test::Scratch& scratch,
                               const std::vector<RawRecord>& records) {
  {
    capture::CaptureWriter capture{scratch / "a.nlcap"};
    for (const auto& record : records) {
      capture.write(record);
    }
    capture.flush();
  }
  Observer observer;
  observer.started = [](std::string_view, std::string_view) {};
  record_capture(scratch / "a.nlcap", scratch / "a.db", {}, observer);
  return scratch / "a.db";
}

RawRecord session() {
  return made(capture::SessionText{bytes_of("host=a\nos=linux\ninterval_ns=100000000\n")}, 0, 0);
}

}  // namespace

TEST_CASE("ProcessLives: an end has the time and the status of the last thread", "[record]") {
  CHECK(end_after({}) == "900 300 unknown");
  CHECK(end_after({main_end(700, kExit3)}) == "700 0 768");
  // exit(3) in any thread ends them all, in some order.
  CHECK(end_after({thread_end(100, 0), main_end(700, kExit3), thread_end(701, kExit3)}) ==
        "701 0 768");
  CHECK(end_after({thread_end(701, kExit3), main_end(700, kExit3)}) == "701 0 768");
  // The main thread has ended before, by itself.
  CHECK(end_after({main_end(100, 0), thread_end(700, 0)}) == "700 0 0");
  CHECK(end_after({main_end(100, 0), thread_end(700, kKilled)}) == "700 0 9");
  CHECK(end_after({main_end(100, 0), thread_end(700, kExit3)}) == "700 0 unknown");
  // The end of the main thread was not reported.
  CHECK(end_after({thread_end(700, 0)}) == "700 0 unknown");
  // Later than the process was found gone: of another process with its pid.
  CHECK(end_after({main_end(901, 0)}) == "900 300 unknown");
}

TEST_CASE("ProcessLives: threads that an exec ends are not the end", "[record]") {
  CHECK(end_after({main_end(100, kKilled), thread_end(101, kKilled), exec(102)}) ==
        "900 300 unknown");
  CHECK(end_after({main_end(100, kKilled), exec(102), main_end(800, 0)}) == "800 0 0");
}

TEST_CASE("ProcessLives: after a loss no older end counts", "[record]") {
  ProcessLives lives;
  lives.note(kProcess, main_end(700, 0));
  lives.lose_ends();
  CHECK(lives.end(kProcess, kFound).at.at_ns == kFound.at_ns);
  lives.note(kProcess, thread_end(710, 0));
  CHECK_FALSE(lives.end(kProcess, kFound).wait_status.has_value());
}

TEST_CASE("ProcessLives: a program is as old as the last exec before it was read", "[record]") {
  ProcessLives lives;
  CHECK_FALSE(lives.read(kProcess, 100).has_value());
  lives.note(kProcess, exec(90));  // it was read with this program
  CHECK_FALSE(lives.read(kProcess, 200).has_value());
  lives.note(kProcess, exec(210));
  lives.note(kProcess, exec(220));
  CHECK_FALSE(lives.read(kProcess, 215).has_value());  // the program of 220 is not read yet
  CHECK(lives.has_unread_program(kProcess, 220));
  CHECK_FALSE(lives.has_unread_program(kProcess, 219));
  CHECK(lives.read(kProcess, 230) == 220);
  CHECK_FALSE(lives.has_unread_program(kProcess, 230));
  CHECK_FALSE(lives.read(kProcess, 240).has_value());
}

TEST_CASE("a capture with messages of the process connector replays to images and exact ends",
          "[record]") {
  const test::Scratch scratch;
  const auto executed = message("02000000", "40", "00000000");
  const auto ended = message("00000080", "50", "00030000");
  const auto path =
      replayed(scratch,
               {session(),
                tick(11'000, 0),
                made(capture::UtcOffset{}, 11'000, 11'000),
                table(11'010, {"554"}),
                read(11'020, "bash", "/bin/bash"),
                holders(11'030, "554 24307\n"),
                tick_end(11'040),
                made(capture::ProcessMessages{0, executed}, 11'990, 12'010),
                read(12'020, "nginx", "/usr/sbin/nginx"),
                tick(12'100, 1),
                table(12'110, {"554", "555"}),
                holders(12'120, "555 24307\n"),
                tick_end(12'130),
                made(capture::ProcessMessages{kNsPerSecond, ended}, 12'990, 13'010),
                made(capture::ProcessMessagesLost{5}, 12'000, 12'001),
                made(capture::ProcessMessages{kNsPerSecond, ended}, 13'010, 13'020),
                made(capture::ProcessExit{ProcessId{24307, 100}, std::nullopt}, 12'500, 13'100),
                tick(13'200, 2),
                tick_end(13'210)});
  CHECK(test::rows(path,
                   "SELECT image, name, exe, from_ns, to_ns FROM process_images ORDER BY image") ==
        "0|bash|/bin/bash|1000000000|12000000064\n"
        "1|nginx|/usr/sbin/nginx|12000000064|13000000080\n");
  CHECK(test::rows(path, "SELECT name, ended_ns, end_error_ns, exit_status FROM processes") ==
        "nginx|13000000080|0|3\n");
  CHECK(test::rows(path, "SELECT local_port, process FROM connections ORDER BY local_port") ==
        "2024|bash\n2025|nginx\n");
  CHECK(test::rows(path, "SELECT source, reason, lost FROM gaps WHERE source = 'processes'") ==
        "processes|receive buffer overrun|5\n");
}

TEST_CASE("what was opened before an exec is of the program before, also if it is found later",
          "[record]") {
  const test::Scratch scratch;
  const auto executed = message("02000000", "40", "00000000");
  const auto path = replayed(scratch,
                             {session(),
                              made(capture::UtcOffset{}, 11'000, 11'000),
                              read(11'020, "bash", "/bin/bash"),
                              tick(11'100, 0),
                              table(11'110, {"554"}),
                              tick_end(11'120),
                              made(capture::ProcessMessages{0, executed}, 11'990, 12'010),
                              read(12'020, "nginx", "/usr/sbin/nginx"),
                              tick(12'100, 1),
                              table(12'110, {"554", "555"}),
                              holders(12'120, "554 24307\n555 24307\n"),
                              tick_end(12'130)});
  CHECK(test::rows(path, "SELECT local_port, process FROM connections ORDER BY local_port") ==
        "2024|bash\n2025|nginx\n");
}

TEST_CASE("what a listener accepts after an exec is of the new program", "[record]") {
  const test::Scratch scratch;
  const auto path = replayed(
      scratch,
      {session(),
       made(capture::UtcOffset{}, 11'000, 11'000),
       tick(11'000, 0),
       table(11'010, {"553"}),
       read(11'020, "bash", "/bin/bash"),
       holders(11'030, "553 24307\n"),
       tick_end(11'040),
       made(capture::ProcessMessages{0, message("02000000", "40", "00000000")}, 11'990, 12'010),
       read(12'020, "nginx", "/usr/sbin/nginx"),
       tick(12'100, 1),
       table(12'110, {"553", "554"}),
       tick_end(12'130)});
  CHECK(test::rows(path,
                   "SELECT direction, process, owner_source FROM connections ORDER BY direction") ==
        "inbound|nginx|inherited\nlisten|bash|held\n");
}

}  // namespace netlog_tests::record_process_lives_test
