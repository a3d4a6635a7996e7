// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "record/recording_state.hpp"

#include <functional>
#include <memory>
#include <string>

namespace netlog::record {

/// Serves `GET /metrics` by HTTP/1.1 to whoever connects, without authentication. It has a thread
/// and an io_context of its own, and the recorder never waits for it: it hands over its state and
/// goes on. What clients can do is bounded: so many connections, so many of them a second, so long
/// a header, so much time for one request. Each connection serves one request.
class MetricsServer {
 public:
  /// Makes the text of the answer. Called on the server's thread.
  using Text = std::function<std::string(const RecordingState&)>;

  /// Listens at the address; port 0 is any free one. Call it before the process gives up the right
  /// to make sockets. Clients that connect wait until start().
  /// @throws CommandFailed: the port is in use, or we may not.
  MetricsServer(const Endpoint& address, Text text);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  /// Closes all connections, and waits for the thread.
  ~MetricsServer();

  /// Where it listens.
  [[nodiscard]] Endpoint address() const;

  /// Begins to answer. @throws CommandFailed: there is no thread for it.
  void start();

  /// What is served from now on.
  void publish(RecordingState state);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace netlog::record
