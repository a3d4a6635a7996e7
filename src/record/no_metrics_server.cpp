// SPDX-License-Identifier: MIT
// Without Boost.Asio's acceptor, which takes AcceptEx() from mswsock.dll. Whether that brings
// user32.dll into the process, and with it the end of console events at logoff, only a real Windows
// shows.
#include "record/metrics_server.hpp"
#include "util/error.hpp"

namespace netlog::record {

// NOLINTBEGIN(performance-unnecessary-value-param,readability-convert-member-functions-to-static):
// the declarations are those of the server.

class MetricsServer::Server {};

MetricsServer::MetricsServer(const Endpoint& /*address*/, Text /*text*/) {
  throw CommandFailed{
      "netlog.exe does not serve metrics yet; leave out --metrics, or write those of the recording "
      "with netlog export --as prometheus"};
}

MetricsServer::~MetricsServer() = default;

Endpoint MetricsServer::address() const {
  return {};
}

void MetricsServer::start() {}

void MetricsServer::publish(RecordingState /*state*/) {}

// NOLINTEND(performance-unnecessary-value-param,readability-convert-member-functions-to-static)

}  // namespace netlog::record
