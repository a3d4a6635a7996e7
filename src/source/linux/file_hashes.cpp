// SPDX-License-Identifier: MIT
#include "source/linux/file_hashes.hpp"

#include "util/time.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <vector>

#include <boost/container_hash/hash.hpp>
#include <sys/stat.h>

#include <sodium.h>
#include <unistd.h>

namespace netlog::source {
namespace {

constexpr std::size_t kBlock = std::size_t{128} * 1024;

std::int64_t ns_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * kNsPerSecond + time.tv_nsec;
}

}  // namespace

std::size_t FileHashes::VersionHash::operator()(const Version& version) const {
  std::size_t seed = 0;
  boost::hash_combine(seed, version.device);
  boost::hash_combine(seed, version.inode);
  boost::hash_combine(seed, version.ctime_ns);
  return seed;
}

std::optional<FileHashes::Version> FileHashes::version_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return Version{status.st_dev,
                 status.st_ino,
                 static_cast<std::uint64_t>(status.st_size),
                 ns_of(status.st_mtim),
                 ns_of(status.st_ctim)};
}

std::optional<capture::Sha256> FileHashes::hash(int fd) {
  const auto version = version_of(fd);
  if (!version || version->size > max_bytes_) {
    return std::nullopt;
  }
  if (const auto* const known = known_.find(*version)) {
    return *known;
  }
  const auto hash = read(fd);
  if (!hash || version_of(fd) != version) {
    return std::nullopt;
  }
  known_.put(*version, *hash);
  return hash;
}

std::optional<capture::Sha256> FileHashes::read(int fd) {
  if (sodium_init() < 0) {
    return std::nullopt;  // no random numbers
  }
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::vector<unsigned char> block(kBlock);
  // A file may grow while it is read.
  for (std::uint64_t at = 0; at <= max_bytes_;) {
    if (stopping_) {
      return std::nullopt;
    }
    const auto got = ::pread(fd, block.data(), block.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return std::nullopt;
    }
    if (got == 0) {
      std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
      crypto_hash_sha256_final(&state, digest.data());
      return std::bit_cast<capture::Sha256>(digest);
    }
    crypto_hash_sha256_update(&state, block.data(), static_cast<unsigned long long>(got));
    at += static_cast<std::uint64_t>(got);
    bytes_read_ += static_cast<std::uint64_t>(got);
  }
  return std::nullopt;
}

}  // namespace netlog::source
