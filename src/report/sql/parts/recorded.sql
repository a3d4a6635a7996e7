-- SPDX-License-Identifier: MIT
-- `recorded`: until when something is known of what is open: the end of the window, or the last sign of life of the recorder.
recorded AS MATERIALIZED (
  SELECT min(max(max(coalesce(ended_ns, 0), last_alive_ns)), coalesce(:until_ns, 9223372036854775807)) AS until_ns FROM sessions
)
