#compdef netlog
# SPDX-License-Identifier: MIT
# zsh completion for netlog, which completes its own words.
_netlog() {
  local line
  local -a lines candidates
  lines=("${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${lines[1]} == :files ]]; then
    _files
    return
  fi
  for line in "${(@)lines:#}"; do
    candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  _describe netlog candidates
}
if [[ ${funcstack[1]-} == _netlog ]]; then
  _netlog "$@"
else
  compdef _netlog netlog
fi
