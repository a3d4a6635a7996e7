// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace netlog::store {

/// Replaces the abbreviations that SQL of this program uses; comments and quoted text stay.
///
///     $state.time_wait           the stored code: 11
///     $name(state, x)            text: the name of the code x; NULL if there is none
///     $utc(x)                    text: the moment x, in UTC ns since 1970, as ISO 8601
///     $endpoint(address, port)   text: `192.0.2.1:80`, `[2001:db8::1]:80`; without a port if it
///                                is NULL; NULL if the address is
///     $connect_failed(o, r)      whether a connect failed, by the names of its outcome and reason
///     $failed(o, r, d)           the same, also by a RST that no client of ours has sent
///     $history(part, c, e)       `part` (id, kind, at, error, old, new) of the element `e` of the
///                                list c.history: an INTEGER
///     $of_udp_client(c)          whether the row `c` of `connections`, a socket without a peer,
///                                was one of a UDP client
///     $by_clock_now(e)           the time of the event `e` by the clock as it was set since, in
///                                its session or in a later one of the same boot
///     $list(text)                the text, or '[]' if it is not a JSON list as connection.history
///                                has them: of at most kMaxHistoryToRead elements
///
/// Codes and names are those of model/codes.hpp; a code is written as its name in lower case, with
/// `_` for `+`. An argument is any expression. The result runs in a plain `sqlite3`.
/// @throws std::invalid_argument for an abbreviation that is not known.
std::string expand_sql(std::string_view sql);

}  // namespace netlog::store
