# SPDX-License-Identifier: MIT
# bash completion for netlog, which completes its own words.
_netlog() {
  local begin=${COMP_WORDS[COMP_CWORD]} lines
  mapfile -t lines < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ ${lines[0]-} == :files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "${begin#=}")
  else
    COMPREPLY=("${lines[@]%%$'\t'*}")
    [[ ${COMPREPLY[0]-} != *: ]] || compopt -o nospace 2>/dev/null
  fi
}
complete -F _netlog netlog
