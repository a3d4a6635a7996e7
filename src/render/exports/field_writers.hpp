// SPDX-License-Identifier: MIT
#pragma once

#include "render/exports/connection_writer.hpp"

#include <memory>
#include <string>
#include <vector>

namespace netlog::render {

using WriterPtr = std::unique_ptr<ConnectionWriter>;

WriterPtr csv_writer(const std::vector<std::string>& names, CsvReader reader);
WriterPtr ecs_writer(const std::vector<std::string>& names);
WriterPtr zeek_writer(const std::vector<std::string>& names, std::int64_t written_ns);
WriterPtr zeek_json_writer(const std::vector<std::string>& names);
WriterPtr perfetto_writer(const std::vector<std::string>& names, std::int64_t base_ns);

}  // namespace netlog::render
