// SPDX-License-Identifier: MIT
// Without OpenSSL.
#include "ship/http_channel.hpp"
#include "util/error.hpp"

namespace netlog::ship {

std::unique_ptr<HttpChannel> make_tls_channel(boost::asio::io_context& /*io*/,
                                              const std::string& /*host*/,
                                              const std::filesystem::path& /*ca_file*/) {
  throw CommandFailed{
      "this netlog was built without OpenSSL, so it has no TLS; install libssl-dev "
      "and build it again"};
}

}  // namespace netlog::ship
