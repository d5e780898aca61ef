// SPDX-License-Identifier: GPL-2.0-only
/* The arguments, one after the other. Options are nvidia-smi's where that has one for it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "change/change.h"
#include "internal.h"
#include "options/nvidia.h"
#include "options/options.h"
#include "options/parts.h"
#include "show/show.h"
#include "text/text.h"

/* What nvidia-smi does and ttmem-smi does not. */
static void __attribute__((noreturn)) refuse(const char *word)
{
	fprintf(stderr, "ttmem-smi: %s: %s\n", word, refusal(word));
	exit(EXIT_NOT_DONE);
}

static void set_mode(struct job *job, enum mode mode, const char *name)
{
	if (job->mode_name && (job->mode != mode || mode != MODE_ALL))
		wrong_usage("%s and %s do not go together", job->mode_name, name);
	job->mode = mode;
	job->mode_name = name;
}

static void set_query(struct job *job, enum query query, const char *name,
		      const char *fields)
{
	set_mode(job, MODE_QUERY, name);
	job->query = query;
	job->fields = fields;
}

static void set_help_query(struct job *job, enum query query, const char *name)
{
	set_mode(job, MODE_HELP_QUERY, name);
	job->query = query;
}

static void set_change(struct job *job, enum change_kind kind, const char *name)
{
	set_mode(job, MODE_CHANGE, name);
	job->change.kind = kind;
}

static uint64_t parse_number(const char *option, const char *text,
			     uint64_t min, uint64_t max)
{
	uint64_t n;

	if (!ttmem__number(text, max, &n) || n < min)
		wrong_usage("%s %s: not a number from %llu to %llu", option, text,
			    (unsigned long long)min, (unsigned long long)max);
	return n;
}

static void parse_options(struct job *job, const char *text)
{
	for (; *text; text++) {
		if (*text == 'D')
			job->monitor.date = true;
		else if (*text == 'T')
			job->monitor.time = true;
		else
			wrong_usage("-o %c: D is for the date, T for the time", *text);
	}
}

/* Options without a letter. */
enum {
	OPT_JSON = 256, OPT_QUERY_CARD, OPT_QUERY_CHIP, OPT_QUERY_APPS,
	OPT_FORMAT, OPT_HELP_QUERY, OPT_HELP_CARD, OPT_HELP_CHIP, OPT_HELP_APPS,
	OPT_RESERVATIONS, OPT_SORT, OPT_LOOP_MS, OPT_COLOR, OPT_ASCII,
	OPT_CAPACITY,
	OPT_PEAKS, OPT_INVALIDATE, OPT_CHIP, OPT_NOTHING,
	OPT_QUERY_ACCOUNTED, OPT_HELP_ACCOUNTED, OPT_BY, OPT_ACCOUNTING,
};

static const struct option options[] = {
	{ "list-cards", no_argument, NULL, 'L' },
	{ "list-gpus", no_argument, NULL, 'L' },
	{ "query", no_argument, NULL, 'q' },
	{ "display", required_argument, NULL, 'd' },
	{ "xml-format", no_argument, NULL, 'x' },
	{ "query-card", required_argument, NULL, OPT_QUERY_CARD },
	{ "query-gpu", required_argument, NULL, OPT_QUERY_CARD },
	{ "query-chip", required_argument, NULL, OPT_QUERY_CHIP },
	{ "query-compute-apps", required_argument, NULL, OPT_QUERY_APPS },
	{ "query-accounted-apps", required_argument, NULL, OPT_QUERY_ACCOUNTED },
	{ "by", required_argument, NULL, OPT_BY },
	{ "accounting-mode", optional_argument, NULL, OPT_ACCOUNTING },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "help-query", no_argument, NULL, OPT_HELP_QUERY },
	{ "help-query-card", no_argument, NULL, OPT_HELP_CARD },
	{ "help-query-gpu", no_argument, NULL, OPT_HELP_CARD },
	{ "help-query-chip", no_argument, NULL, OPT_HELP_CHIP },
	{ "help-query-compute-apps", no_argument, NULL, OPT_HELP_APPS },
	{ "help-query-accounted-apps", no_argument, NULL, OPT_HELP_ACCOUNTED },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "reservations", required_argument, NULL, OPT_RESERVATIONS },
	{ "id", required_argument, NULL, 'i' },
	{ "pid", required_argument, NULL, 'p' },
	{ "user", required_argument, NULL, 'u' },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "loop", required_argument, NULL, 'l' },
	{ "loop-ms", required_argument, NULL, OPT_LOOP_MS },
	{ "count", required_argument, NULL, 'c' },
	{ "filename", required_argument, NULL, 'f' },
	{ "color", required_argument, NULL, OPT_COLOR },
	{ "ascii", no_argument, NULL, OPT_ASCII },
	{ "delay", required_argument, NULL, 'd' },
	{ "select", required_argument, NULL, 's' },
	{ "options", required_argument, NULL, 'o' },
	{ "set-capacity", required_argument, NULL, OPT_CAPACITY },
	{ "reset-peaks", no_argument, NULL, OPT_PEAKS },
	{ "invalidate", no_argument, NULL, OPT_INVALIDATE },
	{ "chip", required_argument, NULL, OPT_CHIP },
	{ "yes", no_argument, NULL, 'y' },
	{ "show-all-processes", no_argument, NULL, OPT_NOTHING },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ }
};

static int print_text(const char *text)
{
	return write_out(STDOUT_FILENO, text, strlen(text)) ? EXIT_OK :
							      EXIT_FAILED;
}

static int version(void)
{
	struct paper paper;
	int status;

	paper_open(&paper);
	status = print_version(paper.out);
	return paper_send(&paper, STDOUT_FILENO) ? status : EXIT_FAILED;
}

/* Tell what an option that there is not may have been meant for, and end. */
static void __attribute__((noreturn)) suggest(const char *typed)
{
	char found[64] = "";
	unsigned int best;
	size_t len, i;

	len = strncmp(typed, "--", 2) ? 0 : strcspn(typed + 2, "=");
	best = MISTAKES(len);
	for (i = 0; len && options[i].name; i++) {
		/* What begins so is known; something else is wrong with it. */
		if (!strncmp(options[i].name, typed + 2, len)) {
			*found = '\0';
			break;
		}
		closest(typed + 2, len, options[i].name, &best, found, sizeof(found));
	}
	if (*found)
		fprintf(stderr, "ttmem-smi: did you mean --%s? ", found);
	else
		fputs("ttmem-smi: ", stderr);
	fputs("ttmem-smi --help tells more\n", stderr);
	exit(EXIT_USAGE);
}

/* Take an option, or end. */
static void take_option(struct job *job, int opt, const char *typed)
{
	switch (opt) {
	case 'L':
		set_mode(job, MODE_LIST, "-L");
		break;
	case 'q':
	case 'a':	/* nvidia-smi had it for this */
		set_mode(job, MODE_ALL, "-q");
		break;
	case 'd':
		job->display = optarg;
		break;
	case OPT_QUERY_CARD:
		set_query(job, QUERY_CARDS, "--query-card", optarg);
		break;
	case OPT_QUERY_CHIP:
		set_query(job, QUERY_CHIPS, "--query-chip", optarg);
		break;
	case OPT_QUERY_APPS:
		set_query(job, QUERY_PROCESSES, "--query-compute-apps", optarg);
		break;
	case OPT_QUERY_ACCOUNTED:
		set_query(job, QUERY_ACCOUNTED, "--query-accounted-apps", optarg);
		job->mode = MODE_ACCOUNTED;
		break;
	case OPT_BY:
		job->by = optarg;
		break;
	case OPT_ACCOUNTING:
		set_mode(job, MODE_ACCOUNTING, "--accounting-mode");
		job->accounting = optarg;
		break;
	case OPT_FORMAT:
		job->format = optarg;
		break;
	case OPT_HELP_QUERY:
		set_help_query(job, QUERY_CARDS, "--help-query");
		job->all_queries = true;
		break;
	case OPT_HELP_CARD:
		set_help_query(job, QUERY_CARDS, "--help-query-card");
		break;
	case OPT_HELP_CHIP:
		set_help_query(job, QUERY_CHIPS, "--help-query-chip");
		break;
	case OPT_HELP_APPS:
		set_help_query(job, QUERY_PROCESSES,
			       "--help-query-compute-apps");
		break;
	case OPT_HELP_ACCOUNTED:
		set_help_query(job, QUERY_ACCOUNTED, "--help-query-accounted-apps");
		break;
	case OPT_JSON:
		set_mode(job, MODE_JSON, "--json");
		break;
	case OPT_RESERVATIONS:
		set_mode(job, MODE_RESERVATIONS, "--reservations");
		job->pid = parse_number("--reservations", optarg, 1, INT32_MAX);
		break;
	case 'i':
		job->want.cards = optarg;
		break;
	case 'p':
		job->want.pids = optarg;
		break;
	case 'u':
		job->want.users = optarg;
		break;
	case OPT_SORT:
		job->want.sort = optarg;
		break;
	case 'l':
		job->seconds = parse_seconds(optarg, 1);
		break;
	case OPT_LOOP_MS:
		job->seconds = parse_seconds(optarg, 0.001);
		break;
	case 'c':
		/* nvidia-smi -c EXCLUSIVE_PROCESS, without a monitor or a loop. */
		if (optarg[0] >= 'A' && optarg[0] <= 'Z')
			refuse("--compute-mode");
		job->count = parse_number("-c", optarg, 1, UINT32_MAX);
		break;
	case 'f':
		job->file = optarg;
		break;
	case OPT_ASCII:
		job->ascii = true;
		break;
	case OPT_COLOR:
		job->colour = optarg;
		break;
	case 's':
		job->monitor.groups = optarg;
		break;
	case 'o':
		parse_options(job, optarg);
		break;
	case OPT_CAPACITY:
		set_change(job, CHANGE_CAPACITY, "--set-capacity");
		job->change.capacity = optarg;
		break;
	case OPT_PEAKS:
		set_change(job, CHANGE_PEAKS, "--reset-peaks");
		break;
	case OPT_INVALIDATE:
		set_change(job, CHANGE_INVALIDATE, "--invalidate");
		break;
	case OPT_CHIP:
		job->chip = optarg;
		job->change.chip = parse_number("--chip", optarg, 0, INT32_MAX);
		break;
	case 'y':
		job->change.yes = true;
		break;
	case 'x':
		set_mode(job, MODE_ALL, "-x");
		job->xml = true;
		break;
	case OPT_NOTHING:
		break;
	case 'h':
		exit(print_text(help_text));
	case 'V':
		exit(version());
	default:
		suggest(typed);
	}
}

static void take_word(struct job *job, const char *word)
{
	unsigned int best = MISTAKES(strlen(word));
	char found[16] = "";

	if (!strcmp(word, "dmon")) {
		set_mode(job, MODE_DMON, "dmon");
		return;
	}
	if (!strcmp(word, "pmon")) {
		set_mode(job, MODE_PMON, "pmon");
		return;
	}
	if (!strcmp(word, "top") || !strcmp(word, "record") ||
	    !strcmp(word, "report") || !strcmp(word, "watch") ||
	    !strcmp(word, "doctor"))
		wrong_usage("%s stands first, as in ttmem-smi %s --help",
			    word, word);
	if (refusal(word))
		refuse(word);
	closest(word, strlen(word), "dmon pmon top record report watch doctor", &best,
		found, sizeof(found));
	if (*found)
		wrong_usage("'%s' is no command (did you mean %s?)", word, found);
	wrong_usage("'%s' is neither an option nor one of dmon, pmon, top, record, report, watch and doctor",
		    word);
}

void take_arguments(struct job *job, int argc, char **argv)
{
	const char *refused;
	int opt;

	*job = (struct job){
		.colour = "auto",
		.change = { .chip = -1 },
		.fd = STDOUT_FILENO,
	};
	/* getopt's messages begin with it, and it is the caller's to choose. */
	if (argc)
		argv[0] = "ttmem-smi";
	refused = respell(&argc, argv);
	if (refused)
		refuse(refused);
	while ((opt = getopt_long(argc, argv, "Lqad:i:p:u:l:c:f:s:o:yxhV", options,
				  NULL)) != -1)
		take_option(job, opt, argv[optind - 1]);
	for (; optind < argc; optind++)
		take_word(job, argv[optind]);
	check_job(job);
}
