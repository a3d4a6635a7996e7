// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"

#include <vector>

namespace netlog::source {

/// Keeps records for later.
class KeptRecords final : public capture::RecordSink {
 public:
  void consume(const capture::RawRecord& record) override { records.push_back(record); }
  std::vector<capture::RawRecord> records;
};

}  // namespace netlog::source
