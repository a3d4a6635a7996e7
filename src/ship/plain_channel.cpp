// SPDX-License-Identifier: MIT
#include "ship/http_channel.hpp"
#include "ship/stream_channel.hpp"

#include <utility>

namespace netlog::ship {
namespace {

class PlainChannel : public StreamChannel<boost::beast::tcp_stream> {
 public:
  using StreamChannel::StreamChannel;

  void open(const boost::asio::ip::tcp::resolver::results_type& addresses, Done done) override {
    tcp().async_connect(
        addresses,
        [done = std::move(done)](boost::system::error_code error,
                                 const boost::asio::ip::tcp::endpoint&) { done(error); });
  }
};

}  // namespace

std::unique_ptr<HttpChannel> make_plain_channel(boost::asio::io_context& io) {
  return std::make_unique<PlainChannel>(io);
}

}  // namespace netlog::ship
