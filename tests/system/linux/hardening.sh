#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# hardening.sh NETLOG: the program has what the build asks the compiler and the linker for (cmake/ProjectOptions.cmake).
set -euo pipefail
. "$(dirname "$0")/host.sh"
need readelf objdump
netlog=$1
failed=0
check() { # what, pattern, text
  if grep -q -- "$2" <<<"$3"; then echo "ok: $1"; else echo "MISSING: $1"; failed=1; fi
}
headers=$(readelf -hlW "$netlog")
dynamic=$(readelf -dW "$netlog")
symbols=$(readelf --dyn-syms -W "$netlog")
check "position-independent executable" 'Type: *DYN (Position-Independent Executable' "$headers"
check "relocations are read-only" GNU_RELRO "$headers"
check "all symbols are bound at the start" 'BIND_NOW\|FLAGS_1.*NOW' "$dynamic"
check "no executable stack" 'GNU_STACK.* RW  *0x' "$headers"
check "stack protector" __stack_chk_fail "$symbols"
check "fortified functions of the C library" '__[a-z_]*_chk@' "$symbols"
case $(uname -m) in
  x86_64) check "branch targets are marked (CET)" endbr64 "$(objdump -d --disassemble=main "$netlog")" ;;
  aarch64) check "return addresses are signed (PAC)" 'pac[ib]asp' "$(objdump -d --disassemble=main "$netlog")" ;;
esac
exit $failed
