-- SPDX-License-Identifier: MIT
-- The name of a row of `top`, and its addresses: of a line with a name it has counted `addresses`, of which `address_id` is one.
-- `address` is for people: a peer without a name is shown by its address.
n.remote_name,
iif(n.remote_name IS NULL, n.remote_address, iif(top.addresses = 1, (SELECT a.text FROM address AS a WHERE a.id = top.address_id), NULL)) AS remote_address,
iif(n.remote_name IS NULL AND n.id IS NOT NULL, 1, top.addresses) AS addresses,
CASE
  WHEN n.remote_name IS NULL THEN NULL
  WHEN top.addresses = 1 THEN (SELECT a.text FROM address AS a WHERE a.id = top.address_id)
  ELSE top.addresses || ' addresses'
END AS address
