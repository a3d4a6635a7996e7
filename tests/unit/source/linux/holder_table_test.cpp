// SPDX-License-Identifier: MIT
#include "source/linux/holder_table.hpp"

#include "support/catch.hpp"

#include <map>

namespace netlog_tests::source_holder_table_test {

using namespace netlog::source;

namespace {

constexpr std::uint64_t kInode = 4711;
constexpr std::uint32_t kMaster = 30;  // a higher pid can have started earlier
constexpr std::uint32_t kWorker = 20;
constexpr std::uint32_t kOther = 10;

std::optional<std::uint64_t> start_of(std::uint32_t pid) {
  const std::map<std::uint32_t, std::uint64_t> starts{{kMaster, 1}, {kWorker, 2}, {kOther, 3}};
  return starts.at(pid);
}

}  // namespace

TEST_CASE("HolderTable answers each socket once, until it is forgotten", "[source]") {
  HolderTable holders{start_of};
  CHECK_FALSE(holders.answer(kInode).has_value());
  CHECK(holders.record_socket(kInode, {kOther, 7}));
  CHECK_FALSE(holders.record_socket(kInode, {kOther, 7}));
  CHECK(holders.is_unanswered(kInode));
  CHECK_FALSE(holders.forget(kInode).has_value());
  CHECK(holders.answer(kInode)->number == 7);
  CHECK(holders.is_answered(kInode));
  CHECK_FALSE(holders.answer(kInode).has_value());
  CHECK(holders.forget(kInode)->pid == kOther);
  CHECK_FALSE(holders.is_answered(kInode));
}

TEST_CASE("HolderTable takes the process that started first for the holder", "[source]") {
  HolderTable holders{start_of};
  SECTION("the worker is seen first") {
    holders.record_socket(kInode, {kWorker, 5});
    holders.record_socket(kInode, {kMaster, 3});
  }
  SECTION("the master is seen first") {
    holders.record_socket(kInode, {kMaster, 3});
    holders.record_socket(kInode, {kWorker, 5});
  }
  CHECK(holders.answer(kInode)->pid == kMaster);
}

TEST_CASE("HolderTable takes the lower pid of two that started within one clock tick", "[source]") {
  HolderTable holders{[](std::uint32_t) { return std::optional<std::uint64_t>{1}; }};
  holders.record_socket(kInode, {kWorker, 5});
  CHECK(holders.candidate(kInode)->pid == kWorker);
  holders.record_socket(kInode, {kOther, 3});
  CHECK(holders.candidate(kInode)->pid == kOther);
  CHECK(holders.answer(kInode)->pid == kOther);
  CHECK_FALSE(holders.candidate(kInode));
}

TEST_CASE("HolderTable names the processes that shared a socket with a holder", "[source]") {
  HolderTable holders{start_of};
  holders.record_socket(kInode, {kMaster, 3});
  holders.answer(kInode);
  CHECK_FALSE(holders.record_socket(kInode, {kWorker, 5}));
  using Pids = std::vector<std::uint32_t>;
  CHECK(holders.with_sharers({kMaster}) == Pids{kMaster, kWorker});
  CHECK(holders.with_sharers({kWorker, kMaster}) == Pids{kWorker, kMaster});
  CHECK(holders.with_sharers({kOther}) == Pids{kOther});
  holders.drop_vanished({kOther, kMaster});
  CHECK(holders.with_sharers({kMaster}) == Pids{kMaster});
}

}  // namespace netlog_tests::source_holder_table_test
