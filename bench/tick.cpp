// SPDX-License-Identifier: MIT
// netlog-bench-tick: what reading the tables of this network namespace costs, compared with a bare
// loop that requests the same bytes from the kernel and drops them. Prints one JSON object.
#include "allocations.hpp"
#include "os/clock.hpp"
#include "record/recorder.hpp"
#include "source/live_source.hpp"
#include "store/write/writer.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace netlog;

/// The lower limit: the same requests; the answers go into one buffer that nobody reads.
class BareDump {
 public:
  BareDump() : fd_{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)} {
    if (fd_ < 0) {
      throw std::runtime_error{"no sock_diag here"};
    }
  }
  BareDump(const BareDump&) = delete;
  BareDump& operator=(const BareDump&) = delete;
  ~BareDump() { ::close(fd_); }

  std::size_t all(bool info) {
    inet_diag_req tcp{};
    tcp.idiag_family = AF_UNSPEC;
    tcp.idiag_states = info ? 0xFFF : 0xFFF & ~(1U << TCP_TIME_WAIT);
    tcp.idiag_ext = info ? 1U << (INET_DIAG_INFO - 1) : 0;
    std::size_t bytes = dump(TCPDIAG_GETSOCK, tcp);
    for (const auto family : {AF_INET, AF_INET6}) {
      inet_diag_req_v2 udp{};
      udp.sdiag_family = static_cast<std::uint8_t>(family);
      udp.sdiag_protocol = IPPROTO_UDP;
      udp.idiag_states = ~0U;
      bytes += dump(SOCK_DIAG_BY_FAMILY, udp);
    }
    return bytes;
  }

 private:
  template <typename Request>
  std::size_t dump(std::uint16_t type, const Request& request) {
    std::array<std::byte, NLMSG_LENGTH(sizeof(Request))> message{};
    nlmsghdr header{};
    header.nlmsg_len = NLMSG_LENGTH(sizeof(Request));
    header.nlmsg_type = type;
    header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + NLMSG_HDRLEN, &request, sizeof request);
    if (::send(fd_, message.data(), message.size(), 0) < 0) {
      throw std::runtime_error{"a dump was refused"};
    }
    std::size_t bytes = 0;
    for (;;) {
      const auto got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (got < static_cast<ssize_t>(sizeof header)) {
        throw std::runtime_error{"the dump is incomplete"};
      }
      bytes += static_cast<std::size_t>(got);
      // NLMSG_DONE is a datagram of its own, or the last message of one.
      if (ends(static_cast<std::size_t>(got))) {
        return bytes;
      }
    }
  }

  [[nodiscard]] bool ends(std::size_t size) const {
    nlmsghdr header{};
    std::memcpy(&header, buffer_.data(), sizeof header);
    if (header.nlmsg_type == NLMSG_DONE) {
      return true;
    }
    constexpr std::size_t kDone = NLMSG_LENGTH(sizeof(int));
    if (size < kDone) {
      return false;
    }
    std::memcpy(&header, buffer_.data() + size - kDone, sizeof header);
    return header.nlmsg_type == NLMSG_DONE && header.nlmsg_len == kDone;
  }

  int fd_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(std::size_t{64} << 10U);
};

/// Parses /proc/net/tcp as fast as is reasonable: one buffer, no streams, no sscanf.
class ProcTable {
 public:
  std::size_t read() {
    std::size_t rows = 0;
    for (const auto* const path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
      const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
      std::size_t used = 0;
      ssize_t got = fd < 0 ? 0 : 1;
      while (got > 0) {
        if (buffer_.size() - used < kChunk) {
          buffer_.resize(buffer_.size() * 2);
        }
        got = ::read(fd, buffer_.data() + used, kChunk);
        used += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
      }
      ::close(fd);
      rows += parse(used);
    }
    return rows;
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{128} << 10U;

  /// Parses each field of hexadecimal digits as a number.
  std::size_t parse(std::size_t used) {
    std::size_t rows = 0;
    std::uint64_t word = 0;
    for (const char c : std::string_view{buffer_.data(), used}) {
      if (c >= '0' && c <= '9') {
        word = word << 4U | static_cast<std::uint64_t>(c - '0');
      } else if (c >= 'A' && c <= 'F') {
        word = word << 4U | static_cast<std::uint64_t>(c - 'A' + 10);
      } else {
        sum_ += word;
        word = 0;
        rows += c == '\n' ? 1 : 0;
      }
    }
    return rows;
  }

  std::vector<char> buffer_ = std::vector<char>(kChunk * 2);
  std::uint64_t sum_ = 0;
};

/// The recorder without writing: decodes and tracks what was read, on this thread.
class Recording {
 public:
  explicit Recording(const std::string& path)
      : writer_{path_from_utf8(path), session()},
        recorder_{writer_, kInterval.count()},
        source_{open()} {
    mark(capture::UtcOffset{os::measure_utc_offset_ns(), 0});
  }

  void tick(bool whole) {
    mark(capture::TickBegin{});
    source_->sample({true, true, whole, whole, whole}, recorder_);
    source_->forget(recorder_.take_released_sockets());
    std::vector<source::OwnerQuery> questions;
    for (auto& question : recorder_.tracker().owner_queries(20'000)) {
      questions.push_back({question.key, question.owner_pid, std::move(question.likely_pids)});
    }
    queried_ = questions.size();
    if (!questions.empty()) {
      source_->find_owners(questions, kInterval / 4, recorder_);
    }
    mark(capture::TickEnd{});
  }
  [[nodiscard]] std::size_t queried() const { return queried_; }
  [[nodiscard]] std::size_t open_connections() const {
    return recorder_.tracker().open_connections();
  }
  [[nodiscard]] std::int64_t events() const { return recorder_.progress().events; }

 private:
  static constexpr std::chrono::milliseconds kTick{100};
  static constexpr std::chrono::nanoseconds kInterval{kTick};

  void mark(capture::Payload payload) {
    const auto now_ns = os::read_boot_clock_ns();
    recorder_.consume({0, Span{now_ns, now_ns}, std::move(payload)});
  }
  static Session session() {
    Session session;
    session.started_ns = os::read_wall_clock_ns();
    session.interval_ns = kInterval.count();
    return session;
  }
  static std::unique_ptr<source::LiveSource> open() {
    source::SourceOptions options;
    options.choice = source::SourceChoice::poll;
    auto source = source::make_live_source(options);
    if (!source) {
      throw std::runtime_error{source.error().message()};
    }
    return std::move(*source);
  }

  store::Writer writer_;
  record::Recorder recorder_;
  std::unique_ptr<source::LiveSource> source_;
  std::size_t queried_ = 0;
};

/// Processor time of this thread, in user space and in the kernel.
double cpu_us(const std::function<void()>& work) {
  const auto before_ns = os::read_thread_cpu_clock_ns();
  work();
  return static_cast<double>(os::read_thread_cpu_clock_ns() - before_ns) / 1e3;
}

std::string json(const std::vector<double>& values) {
  return fmt::format("[{:.1f}]", fmt::join(values, ", "));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Measures what reading the tables costs", "netlog-bench-tick"};
  int rounds = 30;
  std::string scratch;
  app.add_option("--rounds", rounds, "How often each is measured, in turn")->capture_default_str();
  app.add_option("SCRATCH", scratch, "A recording to make")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    BareDump bare;
    ProcTable table;
    Recording recording{scratch};
    // The owner search has a time budget and needs several calls.
    const auto first = cpu_us([&] {
      for (int i = 0; i < 50 && (i == 0 || recording.queried() > 0); ++i) {
        recording.tick(true);
      }
    });
    if (recording.queried() > 0) {
      throw std::runtime_error{"the owners did not come to rest"};
    }
    recording.tick(true);
    const auto events = recording.events();
    std::vector<double> bare_light, bare_whole, light, whole, procfs;
    std::vector<double> allocated_light, allocated_whole;
    std::size_t bytes = 0;
    for (int i = 0; i < rounds; ++i) {
      bare_light.push_back(cpu_us([&] { bare.all(false); }));
      auto before = bench::allocations();
      light.push_back(cpu_us([&] { recording.tick(false); }));
      allocated_light.push_back(static_cast<double>(bench::allocations() - before));
      bare_whole.push_back(cpu_us([&] { bytes = bare.all(true); }));
      before = bench::allocations();
      whole.push_back(cpu_us([&] { recording.tick(true); }));
      allocated_whole.push_back(static_cast<double>(bench::allocations() - before));
      procfs.push_back(cpu_us([&] { table.read(); }));
    }
    std::cout << fmt::format(
        R"({{"connections": {}, "bytes": {}, "events": {}, "first": {:.1f}, "bare_light": {}, "light": {}, "bare_whole": {}, "whole": {}, "procfs": {}, "allocated_light": {}, "allocated_whole": {}}})"
        "\n",
        recording.open_connections(),
        bytes,
        recording.events() - events,
        first,
        json(bare_light),
        json(light),
        json(bare_whole),
        json(whole),
        json(procfs),
        json(allocated_light),
        json(allocated_whole));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "netlog-bench-tick: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
