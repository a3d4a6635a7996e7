// SPDX-License-Identifier: MIT
// netlog-bench-packets: exchanges packets of 1,000 bytes over loopback at a fixed rate, in one
// thread that sends and reads in turn. Prints how many it sent in the time that it was given.
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBytes = 1'000;
constexpr auto kStep = std::chrono::milliseconds{1};

struct Options {
  std::string kind;
  int rate = 100'000;
  double seconds = 2;
};

/// Calls `exchange` at the rate, as far as it is fast enough. Returns how often it did.
template <typename Exchange>
long pace(const Options& options, Exchange exchange) {
  const auto begun = Clock::now();
  const std::chrono::duration<double> whole{options.seconds};
  long done = 0;
  for (auto now = begun; now - begun < whole; now = Clock::now()) {
    const std::chrono::duration<double> passed = now - begun;
    const auto due = static_cast<long>(passed.count() * options.rate);
    for (; done < due; ++done) {
      exchange();
    }
    std::this_thread::sleep_for(kStep);
  }
  return done;
}

struct DatagramSockets {
  asio::io_context context;
  udp::socket receiver{context, udp::endpoint{asio::ip::address_v4::loopback(), 0}};
  udp::socket sender{context, udp::endpoint{asio::ip::address_v4::loopback(), 0}};
};

long exchange_connected(const Options& options) {
  DatagramSockets sockets;
  sockets.sender.connect(sockets.receiver.local_endpoint());
  std::vector<char> bytes(kBytes);
  return pace(options, [&] {
    sockets.sender.send(asio::buffer(bytes));
    sockets.receiver.receive(asio::buffer(bytes));
  });
}

long exchange_unconnected(const Options& options) {
  DatagramSockets sockets;
  const auto target = sockets.receiver.local_endpoint();
  std::vector<char> bytes(kBytes);
  return pace(options, [&] {
    sockets.sender.send_to(asio::buffer(bytes), target);
    sockets.receiver.receive(asio::buffer(bytes));
  });
}

long exchange_segments(const Options& options) {
  asio::io_context context;
  tcp::acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  tcp::socket sender{context};
  sender.connect(acceptor.local_endpoint());
  auto receiver = acceptor.accept();
  sender.set_option(tcp::no_delay{true});
  std::vector<char> bytes(kBytes);
  return pace(options, [&] {
    asio::write(sender, asio::buffer(bytes));
    asio::read(receiver, asio::buffer(bytes));
  });
}

long run(const Options& options) {
  if (options.kind == "tcp") {
    return exchange_segments(options);
  }
  return options.kind == "connected" ? exchange_connected(options) : exchange_unconnected(options);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Exchanges packets over loopback at a fixed rate"};
  Options options;
  app.add_option("kind", options.kind, "What is sent")
      ->required()
      ->check(CLI::IsMember({"connected", "unconnected", "tcp"}));
  app.add_option("--rate", options.rate, "Packets a second");
  app.add_option("--seconds", options.seconds, "How long");
  CLI11_PARSE(app, argc, argv);
  try {
    std::cout << run(options) << '\n';
  } catch (const std::exception& error) {
    std::cerr << "netlog-bench-packets: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
