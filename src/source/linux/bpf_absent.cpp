// SPDX-License-Identifier: MIT
// Replaces bpf/ in a build without clang, bpftool or libbpf.
#include "source/linux/held_sockets.hpp"
#include "source/linux/packets.hpp"
#include "source/linux/trace.hpp"

#include <cerrno>
#include <utility>

namespace netlog::source {
namespace {

Error absent() {
  return fail_errno(ENOTSUP, "this netlog was built without BPF");
}

}  // namespace

struct Trace::State {};

Trace::Trace(std::unique_ptr<State> state) : state_{std::move(state)} {}
Trace::Trace(Trace&& other) noexcept = default;
Trace& Trace::operator=(Trace&& other) noexcept = default;
Trace::~Trace() = default;

Result<Trace> Trace::open(std::size_t /*buffer_bytes*/, int /*ignored_pid*/) {
  return absent();
}

// NOLINTBEGIN(readability-convert-member-functions-to-static): they have state in other builds
std::string_view Trace::hook() const {
  return "none";
}

std::uint64_t Trace::drain(std::vector<std::byte>& /*out*/) {
  return 0;
}

std::vector<ProcessReport> Trace::take_processes() {
  return {};
}

void Trace::follow(std::uint32_t /*pid*/) {}

bool Trace::attached() const {
  return false;
}

struct HeldSockets::State {};

HeldSockets::HeldSockets(std::unique_ptr<State> state) : state_{std::move(state)} {}
HeldSockets::HeldSockets(HeldSockets&& other) noexcept = default;
HeldSockets& HeldSockets::operator=(HeldSockets&& other) noexcept = default;
HeldSockets::~HeldSockets() = default;

Result<HeldSockets> HeldSockets::open() {
  return absent();
}

Result<std::vector<HeldSocket>> HeldSockets::list() const {
  return absent();
}

struct Packets::State {};

Packets::Packets(std::unique_ptr<State> state) : state_{std::move(state)} {}
Packets::Packets(Packets&& other) noexcept = default;
Packets& Packets::operator=(Packets&& other) noexcept = default;
Packets::~Packets() = default;

Result<Packets> Packets::open(const Wanted& /*wanted*/) {
  return absent();
}

Result<std::optional<capture::UdpFlows>> Packets::drain_flows() {
  return absent();
}

Result<capture::UdpFlows> Packets::drain_all_flows() {
  return absent();
}

capture::DnsMessages Packets::drain_dns() {
  return {};
}

Result<Packets::Cost> Packets::measure(std::chrono::milliseconds /*period*/) const {
  return absent();
}

bool Packets::attached() const {
  return false;
}

// NOLINTEND(readability-convert-member-functions-to-static)

}  // namespace netlog::source
