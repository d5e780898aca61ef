# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-metald.

complete -c ttmem-metald -f
complete -c ttmem-metald -s i -l interval -x -d 'look so often, in seconds'
complete -c ttmem-metald -s 1 -l once -d 'print what it sees, and end'
complete -c ttmem-metald -s j -l json -d 'with --once, as JSON'
complete -c ttmem-metald -s c -l chips -r -F -d 'write which chip is which'
complete -c ttmem-metald -s h -l help -d 'a summary of the options'
complete -c ttmem-metald -s V -l version -d 'the version'
