-- SPDX-License-Identifier: MIT
-- What a recording is when it is continued, trimmed, or cut from another.

-- While it is open: the socket's own identity (the sock_diag cookie, the create timestamp on Windows), by which the next session of the
-- same boot knows it again.
ALTER TABLE connection ADD COLUMN incarnation INTEGER;
CREATE INDEX connection_left_open ON connection (incarnation) WHERE incarnation IS NOT NULL;

-- What this file was cut from, one row for each cut.
CREATE TABLE clip (
  id INTEGER PRIMARY KEY,
  cut_ns INTEGER NOT NULL,     -- how far the source had been written: its last sign of life
  from_ns INTEGER,             -- NULL: from its beginning
  to_ns INTEGER,               -- NULL: to its end
  filters TEXT,                -- as they were given; NULL: none
  source TEXT,                 -- the name of the file, without its directory
  source_connections INTEGER NOT NULL,
  source_events INTEGER NOT NULL,
  redacted TEXT,               -- what was replaced by pseudonyms, a comma between; NULL: nothing
  netlog_version TEXT NOT NULL
) STRICT;

CREATE VIEW clips AS
SELECT
  id,
  strftime('%Y-%m-%dT%H:%M:%S', cut_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', cut_ns / 1000 % 1000000) AS cut_at,
  cut_ns,
  from_ns,
  to_ns,
  filters,
  source,
  source_connections,
  source_events,
  redacted,
  netlog_version
FROM clip;
