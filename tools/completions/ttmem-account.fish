# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-account.

complete -c ttmem-account -f
complete -c ttmem-account -s s -l size -x -d 'bytes that the log may have'
complete -c ttmem-account -s r -l rate -x -d 'lines a minute for each user'
complete -c ttmem-account -s b -l buffer -x -d 'KiB of events for each processor'
complete -c ttmem-account -s h -l help -d 'a summary of the options'
complete -c ttmem-account -s V -l version -d 'the version'
