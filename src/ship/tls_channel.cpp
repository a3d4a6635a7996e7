// SPDX-License-Identifier: MIT
#include "ship/http_channel.hpp"
#include "ship/stream_channel.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <fmt/format.h>

namespace netlog::ship {
namespace {

namespace ssl = boost::asio::ssl;

ssl::context verifying_context(const std::filesystem::path& ca_file) {
  ssl::context context{ssl::context::tls_client};
  context.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                      ssl::context::no_tlsv1_1);
  context.set_verify_mode(ssl::verify_peer);
  boost::system::error_code error;
  if (ca_file.empty()) {
    context.set_default_verify_paths(error);
  } else {
    context.load_verify_file(ca_file.string(), error);
  }
  if (error) {
    throw CommandFailed{fmt::format("cannot read certificates of authorities from {}: {}",
                                    ca_file.empty() ? "the system's place" : utf8(ca_file),
                                    one_line(error.message()))};
  }
  return context;
}

/// Made before the stream that uses it.
struct TlsContext {
  ssl::context context;
};

class TlsChannel : private TlsContext,
                   public StreamChannel<boost::beast::ssl_stream<boost::beast::tcp_stream>> {
 public:
  TlsChannel(boost::asio::io_context& io, const std::string& host, ssl::context verifying)
      : TlsContext{std::move(verifying)}, StreamChannel{io, context} {
    stream().set_verify_callback(ssl::host_name_verification{host});
    boost::system::error_code is_name;
    boost::asio::ip::make_address(host, is_name);
    if (is_name) {       // RFC 6066 §3: an address is no name of a server
      auto name = host;  // the macro SSL_set_tlsext_host_name() has casts of C
      if (SSL_ctrl(stream().native_handle(),
                   SSL_CTRL_SET_TLSEXT_HOSTNAME,
                   TLSEXT_NAMETYPE_host_name,
                   name.data()) != 1) {
        throw CommandFailed{fmt::format("{} cannot be the name of a server", quote(host))};
      }
    }
  }

  void open(const boost::asio::ip::tcp::resolver::results_type& addresses, Done done) override {
    tcp().async_connect(addresses,
                        [this, done = std::move(done)](boost::system::error_code error,
                                                       const boost::asio::ip::tcp::endpoint&) {
                          if (error) {
                            done(error);
                            return;
                          }
                          stream().async_handshake(ssl::stream_base::client, done);
                        });
  }

  [[nodiscard]] bool is_final(boost::system::error_code error) const override {
    return error.category() == boost::asio::error::get_ssl_category();
  }
};

}  // namespace

std::unique_ptr<HttpChannel> make_tls_channel(boost::asio::io_context& io,
                                              const std::string& host,
                                              const std::filesystem::path& ca_file) {
  return std::make_unique<TlsChannel>(io, host, verifying_context(ca_file));
}

}  // namespace netlog::ship
