#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# help.sh NETLOG BUILD: what help, manual pages and completions say is whole, the shells understand it, and all of it is installed.
set -euo pipefail
netlog=$1
build=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}
first() { cut -f 1; } # of a candidate and what it means
roff() { sed 's/-/\\-/g' <<<"$1"; }
lists() { grep -qxF -e "$2" <<<"$1" || fail "$3 lacks $2"; }

# Every command, option, report and topic is in help, manual and completion.
mapfile -t commands < <("$netlog" --help | sed -n '/^Subcommands:/,$s/^  \([a-z]*\) .*/\1/p')
mapfile -t reports < <("$netlog" report --list | cut -d ' ' -f 1)
mapfile -t topics < <(cd "$(dirname "$0")/../../../docs/topics" && printf '%s\n' *.md | sed 's/\.md$//')
((${#commands[@]} >= 12 && ${#reports[@]} >= 16 && ${#topics[@]} == 9)) || fail "too few names were found"
cmake --install "$build" --prefix "$scratch/root" >"$scratch/log" || fail "cmake --install: $(<"$scratch/log")"
man=$scratch/root/share/man/man1
words=$("$netlog" complete -- "" | first)
for command in "${commands[@]}"; do
  lists "$words" "$command" "completion"
  grep -q "^netlog\\\\-$command " < <(sed -n '/^\.SH NAME/{n;p}' "$man/netlog-$command.1") || fail "no page of $command"
  options=$("$netlog" complete -- "$command" -- | first)
  while read -r option; do
    lists "$options" "$option" "completion of $command"
    grep -qF -e "\\fB$(roff "$option")\\fR" "$man/netlog-$command.1" || fail "the page of $command lacks $option"
  done < <("$netlog" "$command" --help | sed -n 's/^  \(-.,\)\?\(--[a-z-]*\).*/\2/p')
done
words=$("$netlog" complete -- report "" | first)
subjects=$("$netlog" complete -- help "" | first)
for report in "${reports[@]}"; do
  lists "$words" "$report" "completion of report"
  lists "$subjects" "$report" "completion of help"
  grep -qxF ".SS \"$report\"" "$man/netlog-report.1" || fail "the page of report lacks $report"
  while read -r column; do
    grep -qF "\\fB$column\\fR" "$man/netlog-report.1" || fail "the page of report lacks $column of $report"
    "$netlog" help "$report" | grep -q "^$column\( \|$\)" || fail "help $report lacks $column"
  done < <(sed -n 's/^-- column: \([a-z0-9_]*\) .*/\1/p' "$(dirname "$0")/../../../src/report/sql/$report.sql")
done
for topic in "${topics[@]}"; do
  lists "$subjects" "$topic" "completion of help"
  "$netlog" help "$topic" | grep -q "^$topic: " || fail "help $topic"
  grep -qxF ".SH \"$(roff "${topic^^}")\"" "$man/netlog.1" || fail "the page lacks $topic"
done
for state in $("$netlog" complete -- report --state "" | first); do
  "$netlog" help states | grep -q "^    $state " || fail "help states lacks $state"
done
# Every word of a fixed list is explained.
for option in --outcome --kind; do
  for word in $("$netlog" complete -- tail $option "" | first); do
    "$netlog" help words | grep -q "^    $word  " || fail "help words lacks $word"
  done
done
if command -v groff >/dev/null; then
  for page in "$man"/*.1; do
    warnings=$(groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || fail "$page: $warnings"
  done
fi

# Completion offers the recording by its name and does not read it.
"$netlog" record --db "$scratch/a.db" --source poll --duration 300ms 2>/dev/null || fail "record"

# The candidates of bash for a command line, one a line.
candidates() {
  (
    cd "$scratch"
    env -u NETLOG_DB bash --norc -c '
      source "$1" || exit
      COMP_WORDS=(netlog "${@:3}"); COMP_CWORD=$(($# - 2)); COMPREPLY=()
      _netlog "$2"; printf "%s\n" "${COMPREPLY[@]}"' - \
      "$scratch/root/share/bash-completion/completions/netlog" "$netlog" "$@" 2>&1
  )
}
# is EXPECTED WORD...: the candidates for these words are exactly those.
is() {
  local expected=$1 got
  shift
  got=$(candidates "$@" | tr '\n' ' ')
  [ "$got" = "$expected " ] || fail "netlog $*: '$got' instead of '$expected '"
}
is "record report" re
is "leaks lifetimes listeners lookups" report l
is "--db --duration" record --d
is "text json csv html" report --format ""
is "text json csv" sql --format ""
is "zeek zeek-json" export --as z
is "json" report --format = j
is "--format=json" report --format=j
is "CLOSED CLOSE_WAIT CLOSING" report --state CLO
is "auto" record --source au
is "capture:" record --source c
is "tcp udp" tail --protocol ""
is "cgroup cmdline container container_name" clip --redact-keep c
is "bash fish powershell zsh" completion ""
is "states" help st
is "a.db" report --db a
is "a.db" report --db = a
is "a.db" join x.db a
is "" at ""
is "" nonsense x
is "" report --db a.db --process ""
is "" report --db=a.db --pid ""
[ "$("$netlog" completion bash)" = "$(<"$scratch/root/share/bash-completion/completions/netlog")" ] || fail "another bash script"
bash -n <("$netlog" completion bash) || fail "completion bash"
for shell in zsh fish; do
  if command -v $shell >/dev/null; then
    "$netlog" completion $shell >"$scratch/script"
    $shell -n "$scratch/script" || fail "completion $shell"
  fi
done
exit $failed
