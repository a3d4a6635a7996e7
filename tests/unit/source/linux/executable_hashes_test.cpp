// SPDX-License-Identifier: MIT
#include "source/linux/executable_hashes.hpp"

#include "os/clock.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/file_hashes.hpp"
#include "source/linux/process.hpp"
#include "support/catch.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace netlog_tests::executable_hashes_test {

using namespace netlog;
using namespace netlog::source;

namespace {

class Kept final : public capture::RecordSink {
 public:
  void consume(const capture::RawRecord& record) override { records.push_back(record); }
  std::vector<capture::RawRecord> records;
};

}  // namespace

TEST_CASE("ExecutableHashes: only of the process that is meant, and of its program",
          "[source][own_program]") {
  const auto exe = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto pid = static_cast<std::uint32_t>(::getpid());
  const auto start = process_start(pid);
  REQUIRE(start.has_value());
  const auto at_ns = os::read_boot_clock_ns();
  ExecutableHashes hashes;
  // One after the other: when the last is done, the others are.
  hashes.request({ProcessId{pid, *start + 1}, exe, at_ns});
  hashes.request({ProcessId{pid, *start}, "/another/program", at_ns});
  hashes.request({ProcessId{0, 0}, exe, at_ns});
  hashes.request({ProcessId{pid, *start}, exe + " (deleted)", at_ns});
  Kept kept;
  REQUIRE(test::eventually([&] {
    hashes.exchange();
    hashes.report(kept);
    return !kept.records.empty();
  }));
  REQUIRE(kept.records.size() == 1);
  const auto& result = kept.records[0];
  CHECK(result.asked.began_ns == at_ns);
  CHECK(result.asked.ended_ns >= at_ns);
  const auto* const hash = std::get_if<capture::ExecutableHash>(&result.payload);
  REQUIRE(hash != nullptr);
  CHECK((hash->process == ProcessId{pid, *start}));
  const os::UniqueFd file{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  const std::atomic<bool> stopping = false;
  FileHashes expected{ExecutableHashes::kMaxFileBytes, stopping};
  CHECK((hash->sha256 == expected.hash(file.get())));
}

TEST_CASE("ExecutableHashes: a request while too many wait is dropped", "[source][own_program]") {
  ExecutableHashes hashes;
  // None of them exists.
  for (std::size_t i = 0; i < 3 * ExecutableHashes::kMaxWaiting; ++i) {
    hashes.request({ProcessId{0, i}, "/bin/true", 0});
  }
  hashes.exchange();
  const auto exe = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto pid = static_cast<std::uint32_t>(::getpid());
  // There is room again.
  Kept kept;
  REQUIRE(test::eventually([&] {
    hashes.request({ProcessId{pid, *process_start(pid)}, exe, 0});
    hashes.exchange();
    hashes.report(kept);
    return !kept.records.empty();
  }));
}

TEST_CASE("ExecutableHashes: a deleted file keeps its name", "[source]") {
  CHECK(same_file_name("/usr/bin/a", "/usr/bin/a"));
  CHECK(same_file_name("/usr/bin/a (deleted)", "/usr/bin/a"));
  CHECK(same_file_name("/proc/root/usr/bin/a", "/usr/bin/a"));  // seen from another root
  CHECK_FALSE(same_file_name("/usr/bin/a", "/usr/bin/b"));
  CHECK_FALSE(same_file_name("", ""));
  CHECK_FALSE(same_file_name("/usr/bin/", "/usr/lib/"));
}

}  // namespace netlog_tests::executable_hashes_test
