-- about: exactly known changes are transitions of RFC 9293, figure 5
-- section: violations | Violations
-- A change with an error can hide others. DELETE_TCB (Windows) can follow any state.
WITH allowed (old, new) AS (
  VALUES
    ($state.listen, $state.syn_sent),
    ($state.listen, $state.syn_received),
    ($state.listen, $state.closed),
    ($state.syn_sent, $state.syn_received),
    ($state.syn_sent, $state.established),
    ($state.syn_sent, $state.closed),
    ($state.syn_received, $state.established),
    ($state.syn_received, $state.fin_wait_1),
    ($state.syn_received, $state.close_wait),
    ($state.syn_received, $state.listen),
    ($state.syn_received, $state.closed),
    ($state.established, $state.fin_wait_1),
    ($state.established, $state.close_wait),
    ($state.established, $state.closed),
    ($state.fin_wait_1, $state.fin_wait_2),
    ($state.fin_wait_1, $state.closing),
    ($state.fin_wait_1, $state.time_wait),
    ($state.fin_wait_1, $state.closed),
    ($state.fin_wait_2, $state.time_wait),
    ($state.fin_wait_2, $state.closed),
    ($state.close_wait, $state.last_ack),
    ($state.close_wait, $state.closed),
    ($state.last_ack, $state.closed),
    ($state.closing, $state.time_wait),
    ($state.closing, $state.closed),
    ($state.time_wait, $state.closed)
)
SELECT
  e.connection_id,
  'event ' || e.id || ' goes from ' || $name(state, e.old)
    || ' to ' || $name(state, e.new) AS detail
FROM event_codes AS e
WHERE e.kind IN ($event.state, $event.close) AND e.error_ns = 0 AND e.old IS NOT NULL AND e.new IS NOT NULL AND e.new <> $state.delete_tcb AND e.old <> $state.delete_tcb
  AND NOT EXISTS (SELECT 1 FROM allowed AS a WHERE a.old = e.old AND a.new = e.new)
LIMIT :limit
