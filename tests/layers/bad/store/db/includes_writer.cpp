// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"
