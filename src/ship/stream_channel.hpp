// SPDX-License-Identifier: MIT
#pragma once

#include "ship/http_channel.hpp"

#include <utility>

#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

namespace netlog::ship {

/// What is the same for every stream of Beast.
template <typename Stream>
class StreamChannel : public HttpChannel {
 public:
  template <typename... Arguments>
  explicit StreamChannel(Arguments&&... arguments)
      : stream_{std::forward<Arguments>(arguments)...} {}

  void exchange(const HttpRequest& request,
                boost::beast::flat_buffer& buffer,
                HttpAnswer& answer,
                Done done) override {
    namespace http = boost::beast::http;
    http::async_write(
        stream_,
        request,
        [this, &buffer, &answer, done = std::move(done)](boost::system::error_code error,
                                                         std::size_t) {
          if (error) {
            done(error);
            return;
          }
          http::async_read(
              stream_, buffer, answer, [done](boost::system::error_code end, std::size_t) {
                done(end);
              });
        });
  }

  void expires_after(std::chrono::milliseconds time) override { tcp().expires_after(time); }

  void close() override { tcp().close(); }

 protected:
  Stream& stream() { return stream_; }
  boost::beast::tcp_stream& tcp() { return boost::beast::get_lowest_layer(stream_); }

 private:
  Stream stream_;
};

}  // namespace netlog::ship
