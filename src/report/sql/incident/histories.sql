-- SPDX-License-Identifier: MIT
-- about: the connections with the given ids, in this order, with what is needed to read their events
-- section: histories | Histories
-- column: id | id |
SELECT
  c.id,
  c.first_seen_ns,
  coalesce(c.opened_ns, c.first_seen_ns) AS began_ns,
  c.history,
  c.first_event,
  c.direction = $direction.listen AS is_listener,
  c.protocol = $protocol.udp AS is_udp,
  -- NULL: its end is an event.
  iif(c.gone, NULL, max(c.last_seen_ns, (SELECT s.alive_ns FROM session AS s WHERE s.id = c.session_id))) AS lost_ns
FROM json_each(:ids) AS i
CROSS JOIN connection AS c ON c.id = i.value;
