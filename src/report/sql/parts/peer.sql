-- SPDX-License-Identifier: MIT
-- How a row of `top` shows its peer: by the name that its line has in `shown`, here `n`, if it has one.
coalesce(n.remote_name || ':' || n.port, n.peer) AS peer,
/*part remote*/
