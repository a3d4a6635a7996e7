-- SPDX-License-Identifier: MIT
-- The addresses of a row of single connections to one peer, which has the name `remote_name` or none. `address` is for people: a
-- peer without a name is shown by its address.
iif(count(DISTINCT remote_address) = 1, max(remote_address), NULL) AS remote_address,
count(DISTINCT remote_address) AS addresses,
CASE
  WHEN remote_name IS NULL THEN NULL
  WHEN count(DISTINCT remote_address) = 1 THEN max(remote_address)
  ELSE count(DISTINCT remote_address) || ' addresses'
END AS address
