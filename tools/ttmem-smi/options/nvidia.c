// SPDX-License-Identifier: GPL-2.0-only
/* What nvidia-smi has and ttmem-smi has not: options and commands. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "options/nvidia.h"

#define SETS_NO_CLOCK \
	"ttmem-smi sets no clock: TT-KMD and the card's firmware do. --query-gpu=clocks.sm shows it"
#define SETS_NO_LIMIT \
	"ttmem-smi sets no limit of power or temperature: the card's firmware does. --query-gpu=power.draw,power.limit shows them"
#define NO_ERRORS \
	"ttmem-smi knows nothing of errors or encryption of memory. tt-smi -s shows what the firmware tells"
#define NOTHING_OF_THE_KIND \
	"a Tenstorrent card has nothing of the kind"

/* What stands behind the option or command in a message. */
static const struct {
	const char *words;	/* separated by blanks */
	const char *sentence;
} refusals[] = {
	{
		"-r --gpu-reset",
		"ttmem-smi resets no card. Run: tt-smi -r. Then ttmem-smi --invalidate brings the books of a card that was reset to 0",
	}, {
		"topo nvlink c2c pci",
		"ttmem-smi knows nothing of how cards are connected. tt-topology shows the links between chips, lspci -tv those of PCIe",
	}, {
		"mig vgpu -mig --multi-instance-gpu -vm --virt-mode",
		"a Tenstorrent card cannot be divided. Give each program cards of its own, as ttmem-cdi does for containers",
	}, {
		"-pm --persistence-mode",
		"there is no persistence mode: TT-KMD stays loaded, whether or not anybody uses a card",
	}, {
		"-pl --power-limit -sc --scope -gtt --gpu-target-temp",
		SETS_NO_LIMIT,
	}, {
		"power-smoothing power-profiles power-hint boost-slider",
		SETS_NO_LIMIT,
	}, {
		"-ac --applications-clocks -rac --reset-applications-clocks -m --mode",
		SETS_NO_CLOCK,
	}, {
		"-lgc --lock-gpu-clocks -rgc --reset-gpu-clocks -lmc --lock-memory-clocks",
		SETS_NO_CLOCK,
	}, {
		"-rmc --reset-memory-clocks -lmci --lock-memory-clocks-info",
		SETS_NO_CLOCK,
	}, {
		"-lmcd --lock-memory-clocks-deferred -rmcd --reset-memory-clocks-deferred",
		SETS_NO_CLOCK,
	}, {
		"-svfd --set-vf-derate -gvfd --get-vf-derate-info -cc --cuda-clocks",
		SETS_NO_CLOCK,
	}, {
		"--auto-boost-default --auto-boost-permission clocks base-clocks",
		SETS_NO_CLOCK,
	}, {
		"--compute-mode compute-policy",
		"there is no compute mode: whoever may open a card's node may use it, together with others. The modes of /dev/tenstorrent say who may",
	}, {
		"-e --ecc-config --reset-ecc-errors -den --dram-encryption",
		NO_ERRORS,
	}, {
		"--query-retired-pages --help-query-retired-pages",
		NO_ERRORS,
	}, {
		"--query-remapped-rows --help-query-remapped-rows",
		NO_ERRORS,
	}, {
		"--query-supported-clocks --help-query-supported-clocks",
		"no driver tells which clocks a card can have. --query-gpu=clocks.sm shows what it has",
	}, {
		"--gom -dm --driver-model -fdm --force-driver-model -t --toggle-led",
		NOTHING_OF_THE_KIND,
	}, {
		"--set-hostname --get-hostname conf-compute drain rusd prm soc gpm",
		NOTHING_OF_THE_KIND,
	}, {
		"encodersessions fbcsessions",
		"a Tenstorrent card has no encoder of video",
	}, {
		"event-log cper --debug",
		"ttmem-smi keeps no log. dmesg has what TT-KMD says, ttmem-smi record what processes hold over time",
	}, {
		"daemon replay",
		"ttmem-smi has no service of its own. ttmem-smi record writes samples into a file, ttmem-smi report reads it, and ttmem-exporter serves Prometheus",
	}, {
		"-B --list-excluded-gpus --list-blacklist-gpus",
		"no card can be excluded. ttmem-smi -L lists all",
	}, {
		"--unit",
		"there are no units. ttmem-smi -q shows all cards",
	}, {
		"--dtd",
		"there is no DTD. ttmem-smi -q -x prints XML without one",
	}, {
		"-col --columns",
		"the table has one form. COLUMNS says how wide it may be",
	}, {
		"--gpm-metrics",
		"a Tenstorrent card counts no performance that dmon could show",
	}, {
		"stats",
		"ttmem-smi keeps no samples. dmon shows how values change, ttmem-smi record writes them into a file",
	}, {
		"-caa --clear-accounted-apps",
		"ttmem-smi clears no log. To clear it, stop ttmem-account and remove /var/log/ttmem/account.log*, as root",
	}, {
		"-eow --error-on-warning",
		"ttmem-smi has no warnings to turn into errors. Its exit status tells what went wrong",
	},
	{ }
};

const char *refusal(const char *word)
{
	size_t len = strlen(word), i;

	for (i = 0; refusals[i].words; i++) {
		const char *at = refusals[i].words;

		while (*at) {
			size_t size = strcspn(at, " ");

			if (size == len && !memcmp(at, word, len))
				return refusals[i].sentence;
			at += size + (at[size] == ' ');
		}
	}
	return NULL;
}

/* Whether what follows an option is the next option, or nothing. */
static bool lacks_value(const char *next)
{
	return !next || (next[0] == '-' &&
			 (next[1] == '-' || ((next[1] | 0x20) >= 'a' && (next[1] | 0x20) <= 'z')));
}

/*
 * "-am 1" becomes "--accounting-mode=1": to getopt a value that need not be there has to be
 * in the same word.
 */
static void take_accounting_mode(int *argc, char **argv, int at, const char *value)
{
	bool next = !value && !lacks_value(argv[at + 1]);

	if (next)
		value = argv[at + 1];
	argv[at] = "--accounting-mode";
	if (value && asprintf(&argv[at], "--accounting-mode=%s", value) < 0)
		out_of_memory();
	if (!next)
		return;
	--*argc;
	memmove(&argv[at + 1], &argv[at + 2], (*argc - at) * sizeof(*argv));
}

const char *respell(int *argc, char **argv)
{
	int i;

	/* Options of such a command are its own. */
	if (*argc > 1 && argv[1][0] != '-' && refusal(argv[1]))
		return argv[1];
	for (i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
		char *arg = argv[i], *value = strchr(arg, '=');

		if (arg[0] != '-')
			continue;
		if (!strcmp(arg, "-l") && lacks_value(argv[i + 1])) {
			argv[i] = "--loop=5";
		} else if (!strcmp(arg, "-lms")) {
			argv[i] = "--loop-ms";
		} else if (!strncmp(arg, "-lms=", 5)) {
			if (asprintf(&argv[i], "--loop-ms%s", value) < 0)
				out_of_memory();
		} else if (!strcmp(arg, "-am") || !strcmp(arg, "--accounting-mode")) {
			take_accounting_mode(argc, argv, i, NULL);
		} else if (!strncmp(arg, "-am=", 4)) {
			take_accounting_mode(argc, argv, i, value + 1);
		} else if (value == arg + 2 && value[1] && strchr("dilpcfsou", arg[1])) {
			memmove(value, value + 1, strlen(value));
		} else {
			if (value)
				*value = '\0';
			if (refusal(arg))
				return arg;
			if (value)
				*value = '=';
		}
	}
	return NULL;
}
