// SPDX-License-Identifier: MIT
// A Windows program with sockets of every kind: opens them, says `name port` of each and its pid,
// holds them until its standard input ends.
#include <array>
#include <iostream>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

using boost::asio::ip::tcp;
using boost::asio::ip::udp;

int main(int argc, char** argv) {
  const auto native_port = static_cast<std::uint16_t>(argc > 1 ? std::stoi(argv[1]) : 0);
  boost::asio::io_context io;
  tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
  tcp::acceptor acceptor6{io, {boost::asio::ip::address_v6::loopback(), 0}};
  tcp::socket client{io};
  client.connect(acceptor.local_endpoint());
  auto server = acceptor.accept();
  tcp::socket client6{io};
  client6.connect(acceptor6.local_endpoint());
  auto server6 = acceptor6.accept();
  tcp::socket to_native{io};
  to_native.connect({boost::asio::ip::address_v4::loopback(), native_port});
  udp::socket datagrams{io, {boost::asio::ip::address_v4::loopback(), 0}};
  // wine names the owner of a socket that has been used.
  for (auto* const used : {&client, &server, &client6, &server6, &to_native}) {
    used->set_option(tcp::no_delay{true});
  }
  datagrams.send_to(boost::asio::buffer("x", 1), datagrams.local_endpoint());
  std::array<char, 1> byte{};
  datagrams.receive(boost::asio::buffer(byte));
  std::cout << "pid " << ::GetCurrentProcessId() << "\nlistener "
            << acceptor.local_endpoint().port() << "\nlistener6 "
            << acceptor6.local_endpoint().port() << "\nclient " << client.local_endpoint().port()
            << "\nclient6 " << client6.local_endpoint().port() << "\nto_native "
            << to_native.local_endpoint().port() << "\nudp " << datagrams.local_endpoint().port()
            << "\nready 0" << std::endl;
  std::cin.get();
}
