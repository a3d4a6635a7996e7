// SPDX-License-Identifier: MIT
// A build without clang, bpftool or libbpf.
#include "platform/linux/trace.hpp"

#include <cerrno>

namespace netlog::platform {

struct Trace::State {};

Trace::Trace(std::unique_ptr<State> state) : state_{std::move(state)} {}
Trace::Trace(Trace&& other) noexcept = default;
Trace& Trace::operator=(Trace&& other) noexcept = default;
Trace::~Trace() = default;

Result<Trace> Trace::open(std::size_t /*buffer_bytes*/) {
  return fail_errno(ENOTSUP, "this netlog was built without BPF");
}

std::string_view Trace::hook() const {
  return "none";
}

std::uint64_t Trace::drain(std::vector<std::byte>& /*out*/) {
  return 0;
}

bool Trace::attached() const {
  return false;
}

}  // namespace netlog::platform
