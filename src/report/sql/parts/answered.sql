-- SPDX-License-Identifier: MIT
-- `answered`: the addresses of each text `answers` of `selected`.
answered AS MATERIALIZED (
  SELECT DISTINCT d.answers, j.value AS address
  FROM (SELECT DISTINCT answers FROM selected) AS d
  -- Also of an answer that has quotes in it this makes an array.
  JOIN json_each('[' || replace(json_quote(substr(d.answers, 1, 4096)), ', ', '","') || ']') AS j
)
