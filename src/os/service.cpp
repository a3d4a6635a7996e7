// SPDX-License-Identifier: MIT
#include "os/service.hpp"

#include "util/text.hpp"

namespace netlog::os {

std::vector<std::string> RecordCommand::words() const {
  std::vector<std::string> words;
  if (!recording.empty()) {
    words.insert(words.end(), {"--db", utf8(recording)});
  }
  if (!config.empty()) {
    words.insert(words.end(), {"--config", utf8(config)});
  }
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

}  // namespace netlog::os
