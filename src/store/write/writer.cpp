// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"

#include "store/write/writer_thread.hpp"

#include <utility>

namespace netlog::store {

Writer::Writer(const std::filesystem::path& path, const Session& session, WriterOptions options)
    : thread_{std::make_unique<WriterThread>(path, session, std::move(options))} {}

Writer::~Writer() = default;

const LeftOpen& Writer::left_open() const {
  return thread_->left_open();
}

PushResult Writer::push(std::vector<Item> items) {
  return thread_->queue().push(std::move(items));
}

void Writer::finish(std::int64_t ended_ns) {
  thread_->finish(ended_ns);
}

void Writer::set_limits(const RetentionLimits& limits) {
  thread_->set_limits(limits);
}

WriterTotals Writer::totals() const {
  return thread_->totals();
}

}  // namespace netlog::store
