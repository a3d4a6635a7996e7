// SPDX-License-Identifier: MIT
#include "record/process_registry.hpp"

#include "support/catch.hpp"

namespace netlog_tests::record_process_registry_test {

using namespace netlog;
using namespace netlog::record;

namespace {

Process process(std::uint32_t pid, std::uint64_t start) {
  Process made;
  made.id = ProcessId{pid, start};
  made.name = "nginx";
  return made;
}

Caller caller(std::uint32_t pid, std::uint64_t start) {
  return Caller{ProcessId{pid, start}, 900, "curl"};
}

}  // namespace

TEST_CASE("ProcessRegistry: a pid leads to the incarnation that had it last", "[record]") {
  ProcessRegistry registry;
  CHECK_FALSE(registry.find(7).has_value());
  registry.add(process(7, 100));
  registry.add(process(7, 200));
  CHECK((registry.find(7) == ProcessId{7, 200}));
  registry.end(ProcessId{7, 200});
  CHECK((registry.find(7) == ProcessId{7, 200}));  // its sockets may outlive it
}

TEST_CASE("ProcessRegistry: a process that only the trace names is reported once", "[record]") {
  ProcessRegistry registry;
  const auto reported = registry.register_process(caller(7, 100));
  REQUIRE(reported.has_value());
  CHECK((reported->id == ProcessId{7, 100}));
  CHECK(reported->started_ns == 900);
  CHECK(reported->name == "curl");
  CHECK_FALSE(registry.register_process(caller(7, 100)).has_value());
  registry.add(process(8, 300));
  CHECK_FALSE(registry.register_process(caller(8, 300)).has_value());
  // An event of the process that had the pid before.
  CHECK(registry.register_process(caller(8, 200)).has_value());
  CHECK((registry.find(8) == ProcessId{8, 300}));
}

TEST_CASE("ProcessRegistry: a process that executes other programs", "[record]") {
  ProcessRegistry registry;
  auto shell = process(7, 100);
  CHECK(registry.add(shell).id.image == 0);
  auto program = process(7, 100);
  program.image_since_ns = 500;
  CHECK(registry.add(program).id.image == 1);
  CHECK(registry.add(process(7, 100)).id.image == 1);  // read once more
  program.image_since_ns = 800;
  CHECK(registry.add(program).id.image == 2);
  CHECK(registry.add(program).id.image == 2);  // reported twice
  const ProcessId id{7, 100};
  CHECK(registry.at(id, 499).image == 0);
  CHECK(registry.at(id, 500).image == 1);
  CHECK(registry.at(id, 799).image == 1);
  CHECK(registry.at(id, 800).image == 2);
  CHECK(registry.at(ProcessId{8, 100}, 800).image == 0);
  CHECK(registry.find(7)->image == 2);
  CHECK(registry.running().size() == 3);
  CHECK_FALSE(registry.register_process(caller(7, 100)).has_value());
  registry.end(id);
  CHECK(registry.running().empty());
}

TEST_CASE("ProcessRegistry: those that were read run until they end", "[record]") {
  ProcessRegistry registry;
  registry.add(process(9, 1));
  registry.add(process(7, 1));
  registry.register_process(caller(8, 1));
  registry.end(ProcessId{9, 1});
  const auto running = registry.running();
  REQUIRE(running.size() == 1);
  CHECK((running[0].id == ProcessId{7, 1}));
}

TEST_CASE("ProcessRegistry: a new file gets the hashes of executables, too", "[record]") {
  ProcessRegistry registry;
  registry.add(process(7, 100));
  registry.add(process(8, 100));
  registry.set_hash(ProcessId{7, 100}, "aa");
  registry.set_hash(ProcessId{9, 100}, "bb");  // nobody reported it
  const auto running = registry.running();
  REQUIRE(running.size() == 2);
  CHECK(running[0].exe_sha256 == "aa");
  CHECK_FALSE(running[1].exe_sha256.has_value());
}

}  // namespace netlog_tests::record_process_registry_test
