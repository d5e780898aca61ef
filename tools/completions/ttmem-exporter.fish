# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-exporter.

complete -c ttmem-exporter -f
complete -c ttmem-exporter -s l -l listen -x -a '127.0.0.1:7762 [::1]:7762 :7762' -d 'where to listen'
complete -c ttmem-exporter -s n -l max-processes -x -d 'the most processes told of each card'
complete -c ttmem-exporter -s h -l help -d 'a summary of the options'
complete -c ttmem-exporter -s V -l version -d 'the version'
