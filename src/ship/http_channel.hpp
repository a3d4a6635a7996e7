// SPDX-License-Identifier: MIT
#pragma once

#include "ship/target.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>

namespace netlog::ship {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpAnswer = boost::beast::http::response_parser<boost::beast::http::string_body>;

/// A connection that HTTP goes over. One operation at a time; what a caller hands over must live
/// until `done` was called.
class HttpChannel {
 public:
  using Done = std::function<void(boost::system::error_code)>;

  HttpChannel() = default;
  HttpChannel(const HttpChannel&) = delete;
  HttpChannel& operator=(const HttpChannel&) = delete;
  virtual ~HttpChannel() = default;

  /// Connects to the first of the addresses that answers.
  virtual void open(const boost::asio::ip::tcp::resolver::results_type& addresses, Done done) = 0;
  /// Sends a request and reads what the server answers.
  virtual void exchange(const HttpRequest& request,
                        boost::beast::flat_buffer& buffer,
                        HttpAnswer& answer,
                        Done done) = 0;
  /// All operations from now on must end within this time, together.
  virtual void expires_after(std::chrono::milliseconds time) = 0;
  /// Ends what is going on.
  virtual void close() = 0;
  /// Whether an operation that failed with this would fail again: the certificate is not valid.
  [[nodiscard]] virtual bool is_final(boost::system::error_code /*error*/) const { return false; }
};

std::unique_ptr<HttpChannel> make_plain_channel(boost::asio::io_context& io);

/// The same with TLS 1.2 or newer. The server's certificate must be valid for the host, and signed
/// by an authority of `ca_file`, or of the system if that is empty. @throws CommandFailed if the
/// file has no certificates, or this build has no TLS
std::unique_ptr<HttpChannel> make_tls_channel(boost::asio::io_context& io,
                                              const std::string& host,
                                              const std::filesystem::path& ca_file);

}  // namespace netlog::ship
