# SPDX-License-Identifier: MIT
# PowerShell completion for netlog, which completes its own words. In your profile:
#   netlog completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName netlog, netlog.exe -ScriptBlock {
    param($begin, $line, $cursor)
    $elements = @($line.CommandElements)
    $words = @($elements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursor } |
        ForEach-Object { $_.ToString() })
    # Windows PowerShell passes no empty argument; netlog reads `=` as one.
    $last = if ($begin) { $begin } else { '=' }
    & $elements[0].ToString() complete -- @words $last 2>$null | ForEach-Object {
        $word, $about = $_ -split "`t", 2
        if ($word -ne ':files') {  # without an answer PowerShell completes files
            $tip = if ($about) { $about } else { $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $tip)
        }
    }
}
