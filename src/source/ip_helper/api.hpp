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

/// The Windows system error codes that we handle. Source: learn.microsoft.com, System Error Codes;
/// GetTcpTable for the NTSTATUS.
enum Code : std::uint32_t {
  kNoError = 0,
  kAccessDenied = 5,
  kGenFailure = 31,  ///< what RtlNtStatusToDosError() makes of kUnsuccessful
  kNotSupported = 50,
  kInvalidParameter = 87,
  kInsufficientBuffer = 122,
  kProcNotFound = 127,         ///< also if this Windows lacks the function
  kNoData = 232,               ///< some functions return this for an empty table
  kUnsuccessful = 0xC0000001,  ///< the table changed while it was copied: call again
};

/// Whether the same call may succeed the next time.
constexpr bool is_transient(std::uint32_t code) {
  return code == kInsufficientBuffer || code == kUnsuccessful || code == kGenFailure;
}

/// One entry of the system's process list.
struct ListedProcess {
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;
  std::uint64_t created = 0;  ///< FILETIME: 100 ns since 1601
  std::string name;           ///< of the image, without its path
};

/// Details of one process. Absent: access denied, or the process has ended.
struct ProcessDetails {
  std::optional<std::string> image;
  std::optional<std::string> command_line;
  std::optional<std::string> account;
};

/// How a process ended.
struct EndedProcess {
  std::uint64_t ended = 0;  ///< FILETIME; the system's clock goes in ticks of 15.6 ms
  std::uint32_t exit_code = 0;
};

/// One service and the process that it runs in.
struct RunningService {
  std::uint32_t pid = 0;
  std::string name;
  std::string caption;  ///< the name that people see, Win32_Service.Caption
};

/// The module that a row of an OWNER_MODULE table belongs to: a service, but also a program or a
/// part of one (learn.microsoft.com, GetOwnerModuleFromTcpEntry).
struct NamedModule {
  std::uint32_t pid = 0;
  std::uint64_t tag = 0;  ///< OwningModuleInfo[0]
  std::string service;
};

/// The Windows calls that the source makes, as bytes and system error codes. Texts are UTF-8.
/// Implemented by windows/calls.cpp and by scripts in tests.
class Api {
 public:
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  virtual ~Api() = default;

  /// Fills `buffer` with a table, unsorted, and sets `size` to the bytes used. If `buffer` is too
  /// small, returns kInsufficientBuffer and sets `size` to the bytes needed.
  virtual std::uint32_t read_table(Protocol protocol,
                                   Family family,
                                   capture::MibTable table,
                                   std::span<std::byte> buffer,
                                   std::uint32_t& size) = 0;

  /// Replaces `table` by the TCP sockets that are bound, as MIB_TCPTABLE2 or MIB_TCP6TABLE2. Not
  /// documented; since Windows 10 1809. Source: System Informer, which asks for the same table.
  virtual std::uint32_t read_bound(Family family, std::vector<std::byte>& table) = 0;

  /// Fills `statistics` with the structure that `which` names.
  virtual std::uint32_t read_statistics(capture::MibStatistics which,
                                        std::vector<std::byte>& statistics) = 0;

  /// Appends every process once.
  virtual std::uint32_t list_processes(std::vector<ListedProcess>& processes) = 0;
  /// Details of the process with this pid and creation time (FILETIME). Empty if another process
  /// has the pid by now. The process is held from then on, if it may be, so that its end is
  /// known; until forget() nobody else gets its pid.
  virtual ProcessDetails describe(std::uint32_t pid, std::uint64_t created) = 0;
  /// How a process that is held has ended. Absent: it runs, or is not held.
  virtual std::optional<EndedProcess> end_of(std::uint32_t pid, std::uint64_t created) = 0;
  virtual void forget(std::uint32_t pid, std::uint64_t created) = 0;
  /// Appends every running service. Several can share a process.
  virtual std::uint32_t list_services(std::vector<RunningService>& services) = 0;
  /// The modules of the rows of an OWNER_MODULE table, without those returned before.
  virtual std::vector<NamedModule> name_modules(Protocol protocol,
                                                Family family,
                                                std::span<const std::byte> table) = 0;

  /// The system's message for an error code, one line; empty if it has none.
  virtual std::string text_of(std::uint32_t code) = 0;
};

}  // namespace netlog::source::ip_helper
