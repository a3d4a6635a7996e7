// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace netlog::os {

/// What is written to the system's log of events, by the number that it has there; never renumber.
enum class LogEvent : std::uint16_t {
  started = 1,
  stopped = 2,
  failed = 3,    ///< the recorder has ended with an error
  gap = 4,       ///< something could not be observed; the recording has the details
  fallback = 5,  ///< a source that shows less is in use
  message = 6,   ///< another one, such as: the recording cannot be written, or can be again
};

/// While this process is a service of Windows, writes one line to its event log (Application, the
/// source `netlog`). Else it does nothing: a service of systemd writes to standard error. Defined
/// in linux/ and in windows/. Source: learn.microsoft.com, Event Logging.
void log_event(LogEvent event, const std::string& text);

}  // namespace netlog::os
