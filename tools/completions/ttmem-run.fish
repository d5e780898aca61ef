# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-run.

complete -c ttmem-run -s c -l card -x -a '(ttmem-smi --query-card=index,board --format=csv,noheader 2>/dev/null | string replace ", " \t)' -d 'the card'
complete -c ttmem-run -s k -l chip -x -d 'the chip of that card'
complete -c ttmem-run -s d -l dram -x -d 'bytes of DRAM'
complete -c ttmem-run -s l -l l1 -x -d 'bytes of L1'
complete -c ttmem-run -s r -l report -d 'what was taken at the most, at the end'
complete -c ttmem-run -s h -l help -d 'a summary of the options'
complete -c ttmem-run -s V -l version -d 'the version'
complete -c ttmem-run -x -a '(__fish_complete_subcommand -- -c --card -k --chip -d --dram -l --l1)'
