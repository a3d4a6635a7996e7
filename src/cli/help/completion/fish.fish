# SPDX-License-Identifier: MIT
# fish completion for netlog, which completes its own words.
function __netlog_complete
    set -l words (commandline -opc)
    set -l begin (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] "$begin" 2>/dev/null)
    if test "$lines[1]" = :files
        __fish_complete_path "$begin"
    else
        string join -- \n $lines
    end
end
complete -c netlog -f -a '(__netlog_complete)'
