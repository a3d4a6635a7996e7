// SPDX-License-Identifier: MIT
// netlog_fuzz --target=NAME [libFuzzer's options] CORPUS…
#include "fuzz/targets.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

const netlog::test::FuzzTarget* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(const int* argc, char*** argv) {
  constexpr std::string_view kOption = "--target=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view word{(*argv)[i]};
    for (const auto& target : netlog::test::fuzz_targets()) {
      if (word.starts_with(kOption) && word.substr(kOption.size()) == target.name) {
        chosen = &target;
      }
    }
  }
  if (chosen == nullptr) {
    std::fputs(
        "netlog_fuzz: --target=NAME is missing; the names are the folders of tests/fuzz/corpus\n",
        stderr);
    std::exit(2);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->take(std::as_bytes(std::span{data, size}));
  return 0;
}
