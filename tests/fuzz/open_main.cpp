// SPDX-License-Identifier: MIT
// netlog-fuzz-open DIRECTORY CASES [FIRST]: opens files that somebody could send instead of a
// recording. A case that crashes, takes more than a minute of processor time, or ten minutes, ends
// it; the last number is its.
#include "support/hostile.hpp"
#include "util/text.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include <sys/time.h>

#include <unistd.h>

namespace {

constexpr unsigned kProcessorSecondsEach = 60;  // whatever else the host does
constexpr unsigned kSecondsEach = 600;          // of one that waits
constexpr std::uint64_t kTellEach = 500;

/// A signal ends this process if the next case takes too long.
void start_limits() {
  itimerval limit{};
  limit.it_value.tv_sec = kProcessorSecondsEach;
  ::setitimer(ITIMER_PROF, &limit, nullptr);
  ::alarm(kSecondsEach);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "netlog-fuzz-open DIRECTORY CASES [FIRST]\n";
    return EXIT_FAILURE;
  }
  try {
    const auto cases = std::stoull(argv[2]);
    const auto first = argc > 3 ? std::stoull(argv[3]) : 1;
    netlog::test::HostileFiles files{netlog::path_from_utf8(argv[1])};
    int faults = 0;
    for (auto number = first; number < first + cases; ++number) {
      std::cout << '\r' << number << std::flush;
      start_limits();
      const auto fault = files.open(number);
      if (!fault.empty()) {
        ++faults;
        std::cout << '\r' << fault << '\n';
      }
      if ((number - first + 1) % kTellEach == 0) {
        std::cout << "\r" << files.read() << " read, " << files.refused() << " refused, " << faults
                  << " faults\n";
      }
    }
    std::cout << "\r" << files.read() << " read, " << files.refused() << " refused, " << faults
              << " faults\n";
    return faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << "netlog-fuzz-open: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
