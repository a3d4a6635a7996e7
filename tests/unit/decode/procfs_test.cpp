// SPDX-License-Identifier: MIT
#include "capture/sections.hpp"
#include "decode/tables.hpp"
#include "support/catch.hpp"
#include "util/byte_reader.hpp"

#include <cstddef>
#include <string>

namespace netlog_tests::decode_procfs_test {

using namespace netlog;
using namespace netlog::decode;

namespace {

constexpr std::string_view kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 010200C0:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "4711 1 0000000000000000 100 0 0 10 0\n"
    "   1: 010200C0:A8CA 076433C6:01BB 01 00000000:00000000 02:0000 00000000  1000        0 77777 "
    "2 0000000000000000 20 4 30 10 -1\n"
    "   2: 010200C0:A8CB 076433C6:01BB 06 00000000:00000000 03:0000 00000000     0        0 0 3 "
    "0000000000000000\n";

constexpr std::string_view kTcp6 =
    "  sl  local_address                         remote_address                        st tx_queue "
    "rx_queue tr tm->when retrnsmt   uid\n"
    "   0: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:C001 08 "
    "00000000:00000000 00:00000000 00000000     "
    "0        0 99 1 0000000000000000 20 4 30 10 -1\n";

std::vector<std::byte> process_record(std::string_view stat,
                                      std::string_view cmdline,
                                      std::string_view cgroup) {
  std::vector<std::byte> out;
  capture::append_section(out, capture::ProcessSection::stat, as_bytes(stat));
  capture::append_section(out, capture::ProcessSection::exe, as_bytes("/usr/sbin/nginx"));
  capture::append_section(out, capture::ProcessSection::cmdline, as_bytes(cmdline));
  capture::append_section(out, capture::ProcessSection::cgroup, as_bytes(cgroup));
  capture::append_section(out, capture::ProcessSection::user, as_bytes("www-data"));
  capture::append_section(
      out, capture::ProcessSection::started_ns, as_bytes("1795269787250000000"));
  return out;
}

constexpr std::string_view kStat =
    "1234 (ng) inx (x) S 1 1234 1234 0 -1 4194560 700 0 0 0 1 2 0 0 20 0 1 0 5550 12345 678";

}  // namespace

TEST_CASE("/proc/net/tcp becomes rows", "[decode]") {
  const auto rows = decode_procfs_net(kTcp, Protocol::tcp, Family::ipv4);
  REQUIRE(rows.has_value());
  REQUIRE(rows->size() == 3);
  const auto& listener = rows->at(0);
  CHECK(to_string(listener.tuple.local) == "192.0.2.1:80");
  CHECK(listener.state == TcpState::listen);
  CHECK(listener.incarnation == 4711);  // listeners share a tuple under SO_REUSEPORT
  const auto& established = rows->at(1);
  CHECK(to_string(established.tuple.remote) == "198.51.100.7:443");
  CHECK(established.uid == 1000U);
  CHECK(established.holder_key == 77777);
  CHECK(established.incarnation == 0);
  CHECK(rows->at(2).state == TcpState::time_wait);
}

TEST_CASE("/proc/net/tcp6 becomes rows", "[decode]") {
  const auto rows = decode_procfs_net(kTcp6, Protocol::tcp, Family::ipv6);
  REQUIRE(rows.has_value());
  CHECK(to_string(rows->at(0).tuple.local) == "[2001:db8::1]:22");
  CHECK(to_string(rows->at(0).tuple.remote) == "[2001:db8::2]:49153");
  CHECK(rows->at(0).state == TcpState::close_wait);
}

TEST_CASE("text of /proc/net that is cut or wrong is refused", "[decode]") {
  for (std::size_t size = 0; size < kTcp.size(); ++size) {
    const auto text = kTcp.substr(0, size);
    if (!text.empty() && text.back() == '\n') {
      continue;  // a whole table with fewer rows
    }
    CAPTURE(size);
    CHECK(decode_procfs_net(text, Protocol::tcp, Family::ipv4).error().code == errc::truncated);
  }
  CHECK(decode_procfs_net(
            "head\n   0: zz:0050 00000000:0000 0A 0:0 0:0 0 0 0 1 1\n", Protocol::tcp, Family::ipv4)
            .error()
            .message() ==
        "line 2 of /proc/net text, '   0: zz:0050 00000000:0000 0A 0:0 0:0 0 0 0 1 1': malformed "
        "[netlog:4]");
}

TEST_CASE("counters carry their MIB names' values", "[decode]") {
  auto counters = decode_snmp(
      "Ip: Forwarding\nIp: 1\n"
      "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets "
      "CurrEstab InSegs OutSegs RetransSegs "
      "InErrs OutRsts InCsumErrors\n"
      "Tcp: 1 200 120000 -1 10 20 3 4 5 600 700 8 9 11 0\n"
      "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 100 2 3 400 0\n");
  REQUIRE(counters.has_value());
  CHECK(counters->active_opens == 10);
  CHECK(counters->passive_opens == 20);
  CHECK(counters->attempt_fails == 3);
  CHECK(counters->out_rsts == 11);
  CHECK(counters->parameters == TcpParameters{1, 200, 120'000, -1});
  CHECK(counters->num_conns == std::nullopt);
  CHECK(counters->in_datagrams == 100);
  // RFC 4113 counts both IP versions together.
  REQUIRE(
      add_snmp6("Ip6InReceives 9\nUdp6InDatagrams 7\nUdp6OutDatagrams 1\nUdpLite6InDatagrams 5\n",
                *counters)
          .has_value());
  CHECK(counters->in_datagrams == 107);
  CHECK(counters->out_datagrams == 401);
  CHECK(counters->no_ports == 2);

  CHECK(decode_snmp("Tcp: A B\nTcp: 1\n").error().code == errc::malformed);
  CHECK(decode_snmp("").error().code == errc::malformed);
}

TEST_CASE("a process is read from its sections", "[decode]") {
  const auto sections = process_record(
      kStat, std::string_view{"nginx:\0 worker\0", 15}, "0::/system.slice/nginx.service\n");
  const auto process = decode_process(sections, 0);
  REQUIRE(process.has_value());
  CHECK(process->id == ProcessId{1234, 5550});
  CHECK(process->name == "ng) inx (x");  // names may hold parentheses and blanks
  CHECK(process->cmdline == "nginx:  worker");
  CHECK(process->cgroup == "/system.slice/nginx.service");
  CHECK(process->user == "www-data");
  CHECK(process->parent_pid == 1U);
  CHECK(process->started_ns == 1795269787250000000);
  CHECK(decode_process(sections, -1795269787000000000)->started_ns == 250000000);
  CHECK_FALSE(process->service.has_value());
}

TEST_CASE("kernel threads have no command line, cgroup v1 hosts have named paths", "[decode]") {
  const auto process =
      decode_process(process_record(kStat, "", "5:devices:/\n4:memory:/docker/0123abcd\n"), 0);
  CHECK_FALSE(process->cmdline.has_value());
  CHECK(process->cgroup == "/docker/0123abcd");
}

TEST_CASE("where a process lives, by its cgroups", "[decode]") {
  const std::string id(64, 'a');
  const auto read = [&](const std::string& cgroups) {
    const auto process = decode_process(process_record(kStat, "", cgroups), 0);
    REQUIRE(process.has_value());
    return *process;
  };
  using Text = std::optional<std::string>;
  SECTION("both versions of cgroups") {
    CHECK(read("5:pids:/docker/" + id + "\n0::/\n").container == id);
    CHECK(read("0::/\n5:pids:/docker/" + id + "\n").container == id);
    CHECK(read("0::/system.slice/a.service\n5:pids:/docker/" + id + "\n").container == id);
    CHECK(read("5:pids:/a\n0::/system.slice/a.service\n").cgroup ==
          Text{"/system.slice/a.service"});
    CHECK(read("5:pids:/a\n1:name=systemd:/b.service\n4:memory:/c\n0::/\n").cgroup ==
          Text{"/b.service"});
    CHECK(read("5:pids:/\n0::/\n").cgroup == Text{"/"});
  }
  SECTION("what watches a container is not in it") {
    for (const auto* const scope :
         {"libpod-conmon-", "crio-conmon-", "conmon-", "containerd-shim-"}) {
      CAPTURE(scope);
      CHECK_FALSE(read("0::/machine.slice/" + (scope + id) + ".scope\n").container.has_value());
    }
    for (const auto* const scope : {"libpod-", "crio-", "cri-containerd-", "docker-", ""}) {
      CAPTURE(scope);
      CHECK(read("0::/machine.slice/" + (scope + id) + ".scope/container\n").container == id);
    }
    CHECK(read("0::/kubepods/pod1/kubepods-pod1.slice:cri-containerd:" + id + "\n").container ==
          id);
  }
  SECTION("units of systemd") {
    CHECK(read("0::/system.slice/nginx.service\n").unit == Text{"nginx.service"});
    CHECK(read("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n").unit ==
          Text{"a.service"});
    CHECK(read("0::/user.slice/user-0.slice/session-3.scope\n").unit == Text{"session-3.scope"});
    CHECK_FALSE(read("0::/system.slice/docker-" + id + ".scope\n").unit.has_value());
    CHECK_FALSE(read("0::/\n").unit.has_value());
  }
  SECTION("pods") {
    const std::string uid = "0d2b86a3-24ce-4b5c-9b8d-4ad7b9c6a2f1";
    const std::string slice = "kubepods-burstable-pod0d2b86a3_24ce_4b5c_9b8d_4ad7b9c6a2f1.slice";
    CHECK(read("0::/kubepods.slice/" + slice + "/cri-containerd-" + id + ".scope\n").pod == uid);
    CHECK(read("4:memory:/kubepods/besteffort/pod" + uid + "/" + id + "\n").pod == uid);
    CHECK_FALSE(read("0::/system.slice/podman.service\n").pod.has_value());
    CHECK_FALSE(read("0::/kubepods.slice\n").pod.has_value());
  }
}

TEST_CASE("cut or wrong process records are refused", "[decode]") {
  const auto whole = process_record(kStat, "x", "0::/\n");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_process(std::span{whole}.first(size), 0).has_value());
  }
  CHECK_FALSE(decode_process(process_record("no parentheses", "", ""), 0).has_value());
  CHECK_FALSE(decode_process(process_record("1 (x) S 1 2", "", ""), 0).has_value());
}

TEST_CASE("holders of sockets are read", "[decode]") {
  const auto holders = decode_holders("77777 1234\n5 - not_permitted\n6 - gone\n");
  REQUIRE(holders.has_value());
  REQUIRE(holders->size() == 3);
  CHECK(holders->at(0).pid == 1234U);
  CHECK(holders->at(1).why == UnknownOwner::not_permitted);
  CHECK(holders->at(2).why == UnknownOwner::gone);
  for (const auto* bad : {"x 1\n", "1\n", "1 y\n", "1 2 3\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_holders(bad).has_value());
  }
}

}  // namespace netlog_tests::decode_procfs_test
