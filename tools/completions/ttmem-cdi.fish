# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-cdi.

complete -c ttmem-cdi -f
complete -c ttmem-cdi -s o -l output -r -F -d 'write to a file'
complete -c ttmem-cdi -s r -l remove -d 'where there is no card, remove the file'
complete -c ttmem-cdi -s c -l check -x -d 'see that a card has this number'
complete -c ttmem-cdi -s h -l help -d 'a summary of the options'
complete -c ttmem-cdi -s V -l version -d 'the version'
