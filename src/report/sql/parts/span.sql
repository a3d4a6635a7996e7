-- SPDX-License-Identifier: MIT
-- `span`: for how many seconds of the window the recorder ran. After the part `recorded`.
span AS MATERIALIZED (
  SELECT max(0.001, ((SELECT until_ns FROM recorded) - max(min(started_ns), coalesce(:since_ns, min(started_ns)))) / 1e9) AS seconds FROM sessions
)
