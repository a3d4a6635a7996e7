// SPDX-License-Identifier: MIT
#include "cli/options/name_files.hpp"

#include "decode/net_names.hpp"
#include "os/name_files.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <filesystem>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

std::filesystem::path services_path() {
  return os::name_files_directory() / "services";
}

/// ` (reason)` for a file that could not be read, else nothing.
std::string read_failure(const Result<std::string>& file) {
  return file ? std::string{} : fmt::format(" ({})", file.error().code.message());
}

}  // namespace

std::optional<std::uint16_t> parse_port(const char* option,
                                        std::string_view text,
                                        std::optional<Protocol> protocol) {
  if (text.empty()) {
    return std::nullopt;
  }
  if (const auto port = parse_number<std::uint16_t>(text); port && *port > 0) {
    return port;
  }
  const auto path = services_path();
  const auto services = os::read_name_file(path);
  if (services) {
    if (const auto port = decode::port_of(decode::parse_services(*services), text, protocol)) {
      return port;
    }
  }
  throw UsageError{fmt::format("{} {} is not a port from 1 to 65535, nor a {}service in {}{}",
                               option,
                               quote(text),
                               protocol ? fmt::format("{} ", name(*protocol)) : "",
                               utf8(path),
                               read_failure(services))};
}

ServiceNames read_service_names() {
  const auto services = os::read_name_file(services_path());
  if (!services) {
    throw CommandFailed{fmt::format("cannot show --names: {}", services.error().message())};
  }
  ServiceNames names;
  for (auto& service : decode::parse_services(*services)) {
    names.emplace(std::pair{service.port, name(service.protocol)}, std::move(service.name));
  }
  return names;
}

std::string service_name(const ServiceNames& names, std::uint16_t port, std::string_view protocol) {
  for (const auto each : {name(Protocol::tcp), name(Protocol::udp)}) {
    const auto found = names.find({port, each});
    if (found != names.end() && (protocol.empty() || protocol == each)) {
      return found->second;
    }
  }
  return {};
}

}  // namespace netlog::cli
