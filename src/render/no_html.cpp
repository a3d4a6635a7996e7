// SPDX-License-Identifier: MIT
#include "render/html.hpp"

namespace netlog::render {

std::string_view html_missing() {
  return NETLOG_HTML_MISSING;
}

std::string html_page(const Incident& /*incident*/) {
  return {};
}

}  // namespace netlog::render
