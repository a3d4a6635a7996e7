// SPDX-License-Identifier: MIT
#pragma once

#include "capture/sections.hpp"
#include "model/connection.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace netlog::source::ip_helper {

/// System error codes that mean something to us. Source: learn.microsoft.com, System Error Codes.
enum Code : std::uint32_t {
  kNoError = 0,
  kAccessDenied = 5,
  kNotSupported = 50,
  kInvalidParameter = 87,
  kInsufficientBuffer = 122,
  kProcNotFound = 127,  ///< also: this Windows has no such function
  kNoData = 232,        ///< no rows; some functions say so of an empty table
};

/// A process as the system lists it.
struct ListedProcess {
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;
  std::uint64_t created = 0;  ///< FILETIME: 100 ns since 1601
  std::string name;           ///< of its image, without a path
};

/// What may be read of one process; absent: refused, or it is gone.
struct ProcessDetails {
  std::optional<std::string> image;
  std::optional<std::string> command_line;
  std::optional<std::string> account;
};

struct RunningService {
  std::uint32_t pid = 0;
  std::string name;
};

/// The service that a row of an OWNER_MODULE table belongs to.
struct NamedModule {
  std::uint32_t pid = 0;
  std::uint64_t tag = 0;  ///< OwningModuleInfo[0]
  std::string service;
};

/// The calls of Windows that a recorder makes, as they are: bytes and system error codes. Texts are
/// UTF-8. Behind it are the system itself (windows/) or a test's script.
class Api {
 public:
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  virtual ~Api() = default;

  /// Fills `buffer` with a table, unsorted, and sets `size` to what was used; to what is needed
  /// with kInsufficientBuffer.
  virtual std::uint32_t read_table(Protocol protocol,
                                   Family family,
                                   capture::MibTable table,
                                   std::span<std::byte> buffer,
                                   std::uint32_t& size) = 0;

  /// Fills `statistics` with the structure behind `which`.
  virtual std::uint32_t read_statistics(capture::MibStatistics which,
                                        std::vector<std::byte>& statistics) = 0;

  /// Every process, once.
  virtual std::uint32_t list_processes(std::vector<ListedProcess>& processes) = 0;
  /// Of the process that was created then; nothing when its pid is another's by now.
  virtual ProcessDetails describe(std::uint32_t pid, std::uint64_t created) = 0;
  /// Every service that runs; several can share a process.
  virtual std::uint32_t list_services(std::vector<RunningService>& services) = 0;
  /// The services behind the rows of an OWNER_MODULE table, as far as they were not told yet.
  virtual std::vector<NamedModule> name_modules(Protocol protocol,
                                                Family family,
                                                std::span<const std::byte> table) = 0;

  /// The system's own words for a code, one line; empty where it has none.
  virtual std::string text_of(std::uint32_t code) = 0;
};

}  // namespace netlog::source::ip_helper
