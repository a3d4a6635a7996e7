// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "model/table.hpp"
#include "report/filter.hpp"
#include "report/granularity.hpp"
#include "store/read/reader.hpp"

#include <optional>

namespace netlog::report {

/// From the first session's start to the last one's end, UTC ns. Nothing without a session.
/// @throws StoreError from the reader.
std::optional<Span> recorded_span(store::Reader& reader);

/// A running recorder writes about once a second, so its file holds nothing of this very moment
/// yet. Where the filter is an instant after the end of a recording whose last session has not
/// ended, it becomes the last sign of life of that session, unless the instant is more than a few
/// seconds later.
/// @throws StoreError from the reader.
void answer_as_of_last_sign_of_life(store::Reader& reader, Filter& filter);

/// How complete an answer about this filter is: its window, the coverage in it, the gaps that touch
/// it, since when nobody writes the recording, what retention deleted, and connections without a
/// known owner.
/// @throws StoreError from the reader.
Completeness completeness(store::Reader& reader, const Filter& filter);
Completeness completeness(store::Reader& reader, const Filter& filter, Granularity granularity);

/// Whether the end of the last session is in the file.
/// @throws StoreError from the reader.
bool last_session_has_ended(store::Reader& reader);

/// The longest gap over the instant that the filter asks for, in which nobody looked; none for a
/// window.
/// @throws StoreError from the reader.
std::optional<GapReason> gap_over_instant(store::Reader& reader, const Filter& filter);

/// `names of 3 connections unknown: DNS over TLS or HTTPS`: outbound connections without a name of
/// processes that have connected to port 853 or to port 443 of a well-known public resolver,
/// without those to the resolvers. Empty: no process has.
/// @throws StoreError from the reader.
std::string hidden_names_note(store::Reader& reader, const Filter& filter, Granularity granularity);

}  // namespace netlog::report
