# SPDX-License-Identifier: GPL-2.0-only
# What bash completes of ttmem's tools. Cards, fields and processes are asked of ttmem-smi
# itself.

# Completes the last word of a list with commas: _ttmem_list CURRENT WORDS
_ttmem_list()
{
	local before=

	case $1 in
	*,*) before=${1%,*}, ;;
	esac
	mapfile -t COMPREPLY < <(compgen -P "$before" -W "$2" -- "${1##*,}")
	compopt -o nospace
}

_ttmem_fields()
{
	ttmem-smi "--help-query-$1" 2>/dev/null | sed -n 's/^"\([^"]*\)".*/\1/p'
}

_ttmem_cards()
{
	ttmem-smi --query-card=index,board --format=csv,noheader 2>/dev/null |
		sed -e 's/, /\n/' -e 's/\[N\/A\]//' | sort -u
}

_ttmem_pids()
{
	ttmem-smi --query-compute-apps=pid --format=csv,noheader 2>/dev/null | grep -v N/A | sort -u
}

# Fills cur and prev; bash takes --option=value for three words.
_ttmem_words()
{
	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
}

# Completes an option, and what stands among them; a value follows without a blank.
_ttmem_options()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
	case ${COMPREPLY[*]} in
	*=) compopt -o nospace ;;
	esac
}

# Behind the options, which begin with word $1, stands a command: completes that and what
# is its own. $2 are the options that a value follows. Returns false among the options.
_ttmem_of_command()
{
	local i

	for ((i = $1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
			return ;;
		-*)
			case " $2 " in
			*" ${COMP_WORDS[i]} "*)
				[ "${COMP_WORDS[i + 1]}" != = ] || i=$((i + 1))
				i=$((i + 1)) ;;
			esac ;;
		*)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return ;;
		esac
	done
	return 1
}

_ttmem_smi_top()
{
	local cur prev

	_ttmem_words
	case $prev in
	-i | --id) _ttmem_list "$cur" "$(_ttmem_cards)"; return ;;
	-p | --pid) _ttmem_list "$cur" "$(_ttmem_pids)"; return ;;
	-d | --delay) return ;;
	esac
	_ttmem_options "-d --delay= -i --id= -p --pid= --ascii --read-only -h --help"
}

_ttmem_smi_record()
{
	local cur prev

	_ttmem_words
	! _ttmem_of_command 2 "-o --output --format -l --loop --loop-ms --lms -lms -d --duration -i --id -p --pid" || return
	case $prev in
	-o | --output) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--format) mapfile -t COMPREPLY < <(compgen -W "csv trace" -- "$cur"); return ;;
	-i | --id) _ttmem_list "$cur" "$(_ttmem_cards)"; return ;;
	-p | --pid) _ttmem_list "$cur" "$(_ttmem_pids)"; return ;;
	-l | --loop | --loop-ms | --lms | -lms | -d | --duration) return ;;
	esac
	case $cur in
	-*) _ttmem_options "-o --output= --format= -l --loop= --loop-ms= --lms= -d --duration=
		-i --id= -p --pid= --labels -h --help" ;;
	# A command and its arguments.
	*) mapfile -t COMPREPLY < <(compgen -c -f -- "$cur") ;;
	esac
}

_ttmem_smi_report()
{
	local cur prev

	_ttmem_words
	case $prev in
	-i | --id) _ttmem_list "$cur" "$(_ttmem_cards)"; return ;;
	--svg) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--by) mapfile -t COMPREPLY < <(compgen -W "process tag label" -- "$cur"); return ;;
	esac
	case $cur in
	-*) _ttmem_options "--svg= --by= -i --id= --csv --json -h --help" ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}

_ttmem_smi_watch()
{
	local cur prev

	_ttmem_words
	! _ttmem_of_command 2 "-a --above -g --growing -f --for -m --memory -i --id -l --loop --loop-ms -lms -c --count -t --timeout" || return
	case $prev in
	-a | --above) mapfile -t COMPREPLY < <(compgen -W "90% 95% process: user:" -- "$cur"); return ;;
	-g | --growing) mapfile -t COMPREPLY < <(compgen -W "1G/10m pool: user:" -- "$cur"); return ;;
	-m | --memory) mapfile -t COMPREPLY < <(compgen -W "dram l1 all" -- "$cur"); return ;;
	-i | --id) _ttmem_list "$cur" "$(_ttmem_cards)"; return ;;
	-f | --for | -l | --loop | --loop-ms | -lms | -c | --count | -t | --timeout) return ;;
	esac
	case $cur in
	-*) _ttmem_options "-a --above= -g --growing= -f --for= -m --memory= -i --id= -l --loop=
		--loop-ms= -c --count= -1 --once -t --timeout= -h --help" ;;
	# A command and its arguments.
	*) mapfile -t COMPREPLY < <(compgen -c -f -- "$cur") ;;
	esac
}

_ttmem_smi_doctor()
{
	local cur prev

	_ttmem_words
	_ttmem_options "--json -h --help"
}

_ttmem_smi()
{
	local cur prev

	if [ "$COMP_CWORD" -gt 1 ]; then
		case ${COMP_WORDS[1]} in
		top | record | report | watch | doctor) "_ttmem_smi_${COMP_WORDS[1]}"; return ;;
		esac
	fi
	_ttmem_words
	case $prev in
	--query-card | --query-gpu) _ttmem_list "$cur" "$(_ttmem_fields card)"; return ;;
	--query-chip) _ttmem_list "$cur" "$(_ttmem_fields chip)"; return ;;
	--query-compute-apps) _ttmem_list "$cur" "$(_ttmem_fields compute-apps)"; return ;;
	--query-accounted-apps) _ttmem_list "$cur" "$(_ttmem_fields accounted-apps)"; return ;;
	--by) mapfile -t COMPREPLY < <(compgen -W "cgroup job user" -- "$cur"); return ;;
	--accounting-mode | -am) mapfile -t COMPREPLY < <(compgen -W "0 1" -- "$cur"); return ;;
	--format) _ttmem_list "$cur" "csv noheader nounits bytes"; return ;;
	-i | --id) _ttmem_list "$cur" "$(_ttmem_cards) all"; return ;;
	-p | --pid | --reservations) _ttmem_list "$cur" "$(_ttmem_pids)"; return ;;
	-u | --user) _ttmem_list "$cur" "$(compgen -u)"; return ;;
	--sort) mapfile -t COMPREPLY < <(compgen -W "card pid user command dram l1 reservations" -- "$cur"); return ;;
	--display) _ttmem_list "$cur" "MEMORY TEMPERATURE POWER CLOCK PIDS ACCOUNTING"; return ;;
	-d)
		case " ${COMP_WORDS[*]} " in
		*" -q "* | *" --query "*) _ttmem_list "$cur" "MEMORY TEMPERATURE POWER CLOCK PIDS ACCOUNTING" ;;
		esac
		return ;;
	--color) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur"); return ;;
	--set-capacity) _ttmem_list "$cur" "dram= l1="; return ;;
	-f | --filename) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-l | --loop | --loop-ms | -lms | -c | --count | --delay | --chip) return ;;
	-s | --select) mapfile -t COMPREPLY < <(compgen -W "p c m r pcmr" -- "$cur"); return ;;
	-o | --options) mapfile -t COMPREPLY < <(compgen -W "D T DT" -- "$cur"); return ;;
	esac
	_ttmem_options "dmon pmon top record report watch doctor
		-L --list-cards --list-gpus -q --query -x --xml-format -d --display= --query-card= --query-gpu=
		--query-chip= --query-compute-apps= --query-accounted-apps= --by=
		--accounting-mode -am --format= --help-query --help-query-card
		--help-query-gpu --help-query-chip --help-query-compute-apps
		--help-query-accounted-apps --json
		--reservations= -i --id= -p --pid= -u --user= --sort= -l --loop= --loop-ms= -lms -c --count=
		-f --filename= --color= --delay= -s --select= -o --options= --set-capacity=
		--ascii --reset-peaks --invalidate --chip= -y --yes -h --help -V --version"
}

_ttmem_run()
{
	local cur prev

	_ttmem_words
	! _ttmem_of_command 1 "-c --card -k --chip -d --dram -l --l1 -t --tag -L --label" || return
	case $prev in
	-c | --card) _ttmem_list "$cur" "$(_ttmem_cards) all"; return ;;
	-k | --chip) _ttmem_list "$cur" all; return ;;
	-t | --tag) mapfile -t COMPREPLY < <(compgen -W "buffer trace system l1_small cb" -- "$cur"); return ;;
	-d | --dram | -l | --l1 | -L | --label) return ;;
	esac
	case $cur in
	-*) _ttmem_options "-c --card= -k --chip= -d --dram= -l --l1= -t --tag= -L --label= -b --best-effort
		-w --wait -e --exec -r --report -h --help -V --version" ;;
	*) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	esac
}

_ttmem_cdi()
{
	local cur prev

	_ttmem_words
	case $prev in
	-o | --output) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	# With colons in it, which bash takes for ends of words.
	-c | --check) return ;;
	esac
	_ttmem_options "-o --output= -r --remove -c --check= -h --help -V --version"
}

_ttmem_exporter()
{
	local cur prev

	_ttmem_words
	case $prev in
	# With colons in them, which bash takes for ends of words.
	-l | --listen | -n | --max-processes) return ;;
	esac
	_ttmem_options "-l --listen= -n --max-processes= -h --help -V --version"
}

_ttmem_metald()
{
	local cur prev

	_ttmem_words
	case $prev in
	-c | --chips) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	-i | --interval) return ;;
	esac
	_ttmem_options "-i --interval= -1 --once -j --json -c --chips= -h --help -V --version"
}

_ttmem_account()
{
	local cur prev

	_ttmem_words
	case $prev in
	-s | --size | -r | --rate | -b | --buffer) return ;;
	esac
	_ttmem_options "-s --size= -r --rate= -b --buffer= -h --help -V --version"
}

complete -F _ttmem_smi ttmem-smi
complete -F _ttmem_run ttmem-run
complete -F _ttmem_cdi ttmem-cdi
complete -F _ttmem_exporter ttmem-exporter
complete -F _ttmem_metald ttmem-metald
complete -F _ttmem_account ttmem-account
