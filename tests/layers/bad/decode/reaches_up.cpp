// SPDX-License-Identifier: MIT
#include "store/writer.hpp"
