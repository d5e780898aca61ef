# SPDX-License-Identifier: GPL-2.0-only
# What fish completes of ttmem-smi.

function __ttmem_fields
	ttmem-smi --help-query-$argv[1] 2>/dev/null | string match -rg '^"([^"]*)"'
end

function __ttmem_cards
	ttmem-smi --query-card=index,board --format=csv,noheader 2>/dev/null | string split ', '
	echo all
end

function __ttmem_pids
	ttmem-smi --query-compute-apps=pid,command --format=csv,noheader 2>/dev/null |
		string match -v '[N/A]*' | string replace -r ', ?' \t
end

# A list with commas: what stands before the last of them stays.
function __ttmem_list
	set -l before (commandline -ct | string replace -r '^--?[a-z-]+=' '' | string match -r '.*,')
	for word in $argv
		echo "$before"$word
	end
end

# What has no options of its own.
function __ttmem_plain
	not __fish_seen_subcommand_from top record report watch doctor
end

complete -c ttmem-smi -f
complete -c ttmem-smi -n __fish_use_subcommand -a dmon -d 'a line for each chip, every second'
complete -c ttmem-smi -n __fish_use_subcommand -a pmon -d 'a line for each process, every second'
complete -c ttmem-smi -n __fish_use_subcommand -a top -d 'cards and processes on the whole terminal'
complete -c ttmem-smi -n __ttmem_plain -l ascii -d 'draw with ASCII'
complete -c ttmem-smi -n __fish_use_subcommand -a record -d 'samples into a file'
complete -c ttmem-smi -n __fish_use_subcommand -a report -d 'peaks, means and a picture of such a file'
complete -c ttmem-smi -n __fish_use_subcommand -a watch -d 'when memory gets scarce, print or run something'
complete -c ttmem-smi -n __fish_use_subcommand -a doctor -d 'whether all that ttmem needs is there'
complete -c ttmem-smi -n __ttmem_plain -s L -l list-cards -d 'a line for each card'
complete -c ttmem-smi -n __ttmem_plain -l list-gpus -d 'a line for each card'
complete -c ttmem-smi -n __ttmem_plain -s q -l query -d 'all that is known of each card'
complete -c ttmem-smi -n __ttmem_plain -s x -l xml-format -d 'of -q, as XML'
complete -c ttmem-smi -n __ttmem_plain -s d -l display -x -a '(__ttmem_list MEMORY TEMPERATURE POWER CLOCK PIDS ACCOUNTING)' -d 'of -q, only these'
complete -c ttmem-smi -n __ttmem_plain -l query-card -x -a '(__ttmem_list (__ttmem_fields card))' -d 'these fields of each card'
complete -c ttmem-smi -n __ttmem_plain -l query-gpu -x -a '(__ttmem_list (__ttmem_fields card))' -d 'these fields of each card'
complete -c ttmem-smi -n __ttmem_plain -l query-chip -x -a '(__ttmem_list (__ttmem_fields chip))' -d 'these fields of each chip'
complete -c ttmem-smi -n __ttmem_plain -l query-compute-apps -x -a '(__ttmem_list (__ttmem_fields compute-apps))' -d 'these fields of each process'
complete -c ttmem-smi -n __ttmem_plain -l query-accounted-apps -x -a '(__ttmem_list (__ttmem_fields accounted-apps))' -d 'these fields of each client that has ended'
complete -c ttmem-smi -n __ttmem_plain -l by -x -a 'cgroup job user' -d 'with that, added up'
complete -c ttmem-smi -n __ttmem_plain -l accounting-mode -o am -d 'whether ttmem-account is running'
complete -c ttmem-smi -n __ttmem_plain -l format -x -a '(__ttmem_list csv noheader nounits bytes)' -d 'how CSV is written'
complete -c ttmem-smi -n __ttmem_plain -l help-query -d 'explain all fields'
complete -c ttmem-smi -n __ttmem_plain -l help-query-card -d 'explain the fields of cards'
complete -c ttmem-smi -n __ttmem_plain -l help-query-gpu -d 'explain the fields of cards'
complete -c ttmem-smi -n __ttmem_plain -l help-query-chip -d 'explain the fields of chips'
complete -c ttmem-smi -n __ttmem_plain -l help-query-compute-apps -d 'explain the fields of processes'
complete -c ttmem-smi -n __ttmem_plain -l help-query-accounted-apps -d 'explain the fields of clients that have ended'
complete -c ttmem-smi -n __ttmem_plain -l json -d 'exact bytes as JSON'
complete -c ttmem-smi -n __ttmem_plain -l reservations -x -a '(__ttmem_pids)' -d 'what a process has reserved'
complete -c ttmem-smi -n __ttmem_plain -s i -l id -x -a '(__ttmem_list (__ttmem_cards))' -d 'only these cards'
complete -c ttmem-smi -n __ttmem_plain -s p -l pid -x -a '(__ttmem_pids)' -d 'only these processes'
complete -c ttmem-smi -n __ttmem_plain -s u -l user -x -a '(__ttmem_list (__fish_complete_users))' -d 'only processes of these users'
complete -c ttmem-smi -n __ttmem_plain -l sort -x -a 'card pid user command dram l1 reservations' -d 'sort processes'
complete -c ttmem-smi -n __ttmem_plain -s l -l loop -x -d 'again every so many seconds'
complete -c ttmem-smi -n __ttmem_plain -l loop-ms -o lms -x -d 'again every so many milliseconds'
complete -c ttmem-smi -n __ttmem_plain -s c -l count -x -d 'end after so many times'
complete -c ttmem-smi -n __ttmem_plain -s f -l filename -r -F -d 'write to a file'
complete -c ttmem-smi -n __ttmem_plain -l color -x -a 'auto always never' -d 'when to use colour'
complete -c ttmem-smi -n __ttmem_plain -l delay -x -d 'of dmon, pmon and top'
complete -c ttmem-smi -n __ttmem_plain -s s -l select -x -a 'p c m r pcmr' -d 'columns of dmon and pmon'
complete -c ttmem-smi -n __ttmem_plain -s o -l options -x -a 'D T DT' -d 'date and time in dmon and pmon'
complete -c ttmem-smi -n __ttmem_plain -l set-capacity -x -a '(__ttmem_list dram= l1=)' -d 'what a chip has of a memory'
complete -c ttmem-smi -n __ttmem_plain -l reset-peaks -d 'let the peaks start again'
complete -c ttmem-smi -n __ttmem_plain -l invalidate -d 'after a reset, all books of the card to 0'
complete -c ttmem-smi -n __ttmem_plain -l chip -x -d 'only this chip'
complete -c ttmem-smi -n __ttmem_plain -s y -l yes -d 'do not ask'
complete -c ttmem-smi -n __ttmem_plain -s h -l help -d 'a summary of the options'
complete -c ttmem-smi -n __ttmem_plain -s V -l version -d 'the versions of all that takes part'

complete -c ttmem-smi -n '__fish_seen_subcommand_from top' -s d -l delay -x -d 'look every so many seconds'
complete -c ttmem-smi -n '__fish_seen_subcommand_from top record watch' -s i -l id -x -a '(__ttmem_list (__ttmem_cards))' -d 'only these cards'
complete -c ttmem-smi -n '__fish_seen_subcommand_from top record' -s p -l pid -x -a '(__ttmem_list (__ttmem_pids))' -d 'only these processes'
complete -c ttmem-smi -n '__fish_seen_subcommand_from top' -l ascii -d 'draw with ASCII'
complete -c ttmem-smi -n '__fish_seen_subcommand_from top' -l read-only -d 'send no signals to processes'
complete -c ttmem-smi -n '__fish_seen_subcommand_from record report watch' -F
complete -c ttmem-smi -n '__fish_seen_subcommand_from record' -s o -l output -r -F -d 'the file'
complete -c ttmem-smi -n '__fish_seen_subcommand_from record' -l format -x -a 'csv trace' -d 'what is written'
complete -c ttmem-smi -n '__fish_seen_subcommand_from record' -s l -l loop -x -d 'a sample every so many seconds'
complete -c ttmem-smi -n '__fish_seen_subcommand_from record' -l loop-ms -l lms -x -d 'a sample every so many milliseconds'
complete -c ttmem-smi -n '__fish_seen_subcommand_from record' -s d -l duration -x -d 'end after 90, 90s, 15m, 2h or 1d'
complete -c ttmem-smi -n '__fish_seen_subcommand_from record' -l labels -d 'what is held under each label, too'
complete -c ttmem-smi -n '__fish_seen_subcommand_from report' -l svg -r -F -d 'draw it'
complete -c ttmem-smi -n '__fish_seen_subcommand_from report' -l by -x -a 'process tag label' -d 'what it is divided by'
complete -c ttmem-smi -n '__fish_seen_subcommand_from report' -s i -l id -x -a '(__ttmem_cards)' -d 'only this card'
complete -c ttmem-smi -n '__fish_seen_subcommand_from report' -l csv -d 'exact bytes as CSV'
complete -c ttmem-smi -n '__fish_seen_subcommand_from report doctor' -l json -d 'the same as JSON'
complete -c ttmem-smi -n '__fish_seen_subcommand_from top record report watch doctor' -s h -l help -d 'a summary of the options'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s a -l above -x -a '90% 95% process: user:' -d 'more than so much is held'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s g -l growing -x -a '1G/10m pool: user:' -d 'it has grown by more than so much in a time'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s f -l for -x -d 'the line before only where it is crossed so long'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s m -l memory -x -a 'dram l1 all' -d 'which memory'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s l -l loop -x -d 'a look every so many seconds'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -l loop-ms -x -d 'a look every so many milliseconds'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s c -l count -x -d 'end after so many looks'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s 1 -l once -d 'one look, with a status'
complete -c ttmem-smi -n '__fish_seen_subcommand_from watch' -s t -l timeout -x -d 'the command is ended after this time'
