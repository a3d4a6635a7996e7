// SPDX-License-Identifier: MIT
const char* const kQuery = "SELECT count(*) FROM connections";
