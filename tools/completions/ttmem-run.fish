# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-run.

complete -c ttmem-run -s c -l card -x -a '(ttmem-smi --query-card=index,board --format=csv,noheader 2>/dev/null | string replace ", " \t)' -d 'the cards'
complete -c ttmem-run -s k -l chip -x -a all -d 'the chips of each card'
complete -c ttmem-run -s d -l dram -x -d 'bytes of DRAM'
complete -c ttmem-run -s l -l l1 -x -d 'bytes of L1'
complete -c ttmem-run -s t -l tag -x -a 'buffer trace system l1_small cb' -d 'what for'
complete -c ttmem-run -s L -l label -x -d 'shown with the reservation'
complete -c ttmem-run -s b -l best-effort -d 'run the command in any case'
complete -c ttmem-run -s w -l wait -d 'stay as the parent of the command'
complete -c ttmem-run -s e -l exec -d 'become the command'
complete -c ttmem-run -s r -l report -d 'what was taken at the most, at the end'
complete -c ttmem-run -s h -l help -d 'a summary of the options'
complete -c ttmem-run -s V -l version -d 'the version'
complete -c ttmem-run -x -a '(__fish_complete_subcommand -- -c --card -k --chip -d --dram -l --l1 -t --tag -L --label)'
