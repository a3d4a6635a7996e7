-- SPDX-License-Identifier: MIT
-- about: the events of the connections with the given ids that are no part of their histories
-- section: single_events | Events
-- column: id | id |
SELECT e.connection_id, e.id, e.kind, e.at_ns, e.error_ns, e.old, e.new
FROM json_each(:ids) AS i
CROSS JOIN event AS e ON e.connection_id = i.value;
