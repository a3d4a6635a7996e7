#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# needs.sh WHAT... -- COMMAND...: runs the command where the host has all that it needs (host.sh).
set -euo pipefail
. "$(dirname "$0")/host.sh"
while [ "$1" != -- ]; do
  "need_$1"
  shift
done
shift
exec "$@"
