// SPDX-License-Identifier: GPL-2.0-only
/* What was typed: whether it goes together, and what is to be looked at for it. */
#include <string.h>

#include "base/base.h"
#include "change/change.h"
#include "internal.h"
#include "look/look.h"
#include "options/options.h"
#include "options/parts.h"
#include "show/show.h"

static void parse_format(struct job *job)
{
	const char *text = job->format;
	bool csv = false;
	size_t len;

	job->csv.header = true;
	job->csv.units = true;
	for (; text; text = text[len] ? text + len + 1 : NULL) {
		len = strcspn(text, ",");
		if (len == 3 && !memcmp(text, "csv", len))
			csv = true;
		else if (len == 8 && !memcmp(text, "noheader", len))
			job->csv.header = false;
		else if (len == 7 && !memcmp(text, "nounits", len))
			job->csv.units = false;
		else if (len == 5 && !memcmp(text, "bytes", len))
			job->csv.bytes = true;
		else
			wrong_usage("--format %s: its words are csv, noheader, nounits and bytes, not '%.*s'",
				    job->format, (int)len, text);
	}
	if (job->format && !csv)
		wrong_usage("--format %s: it begins with csv", job->format);
}

/* What goes only with some of the modes. */
static void check_modes(struct job *job)
{
	bool monitor = job->mode == MODE_DMON || job->mode == MODE_PMON;
	bool once = job->mode >= MODE_RESERVATIONS;
	const char *name = job->mode_name ? job->mode_name : "the table";

	if (job->format && monitor)
		wrong_usage("%s prints columns and has no --format: --query-gpu=... --format=csv -l 1 prints CSV",
			    name);
	if (job->format && job->mode != MODE_QUERY &&
	    job->mode != MODE_RESERVATIONS && job->mode != MODE_ACCOUNTED)
		wrong_usage("--format is for --query-card and the like, and for --reservations");
	if (job->display && !monitor && job->mode != MODE_ALL)
		wrong_usage("-d is for -q, dmon and pmon");
	if (job->xml && job->display)
		wrong_usage("-x is always of all sections: there is no -d with it");
	if ((job->monitor.groups || job->monitor.date || job->monitor.time) &&
	    !monitor)
		wrong_usage("-s and -o are for dmon and pmon");
	if (once && job->seconds > 0)
		wrong_usage("%s is done once: there is no -l with it", name);
	if (job->count && !monitor && !(job->seconds > 0))
		wrong_usage("-c is how often, with -l, dmon or pmon. There is no compute mode that it could set");
	if (job->change.yes && job->mode != MODE_CHANGE)
		wrong_usage("--yes is for what root may change");
	if (job->chip && (job->mode != MODE_CHANGE ||
			  job->change.kind == CHANGE_INVALIDATE))
		wrong_usage("--chip is for --set-capacity and --reset-peaks");
	if (job->by && job->mode != MODE_ACCOUNTED)
		wrong_usage("--by is for --query-accounted-apps");
	if (job->by && !accounted_by(job->by, &job->accounted_by))
		wrong_usage("--by %s: it is cgroup, job or user", job->by);
	if (job->accounting && strcmp(job->accounting, "0") && strcmp(job->accounting, "1") &&
	    !ttmem__same(job->accounting, "DISABLED", SIZE_MAX) &&
	    !ttmem__same(job->accounting, "ENABLED", SIZE_MAX))
		wrong_usage("--accounting-mode %s: it is 0 or DISABLED, or 1 or ENABLED",
			    job->accounting);
	if (job->want.sort && (job->mode == MODE_ACCOUNTED || job->mode == MODE_ACCOUNTING))
		wrong_usage("%s has an order of its own: there is no --sort with it", name);
	if ((job->want.cards || job->want.pids || job->want.users) &&
	    job->mode == MODE_ACCOUNTING)
		wrong_usage("%s is about the machine: there is no -i, -p or -u with it", name);
	if (job->mode == MODE_CHANGE && !job->want.cards)
		wrong_usage("%s: say which card with -i, or all with -i all", name);
	if (job->mode == MODE_CHANGE && (job->want.pids || job->want.users || job->want.sort))
		wrong_usage("%s is about cards: there is no -p, -u or --sort with it",
			    name);
}

void check_job(struct job *job)
{
	const char *name = job->mode_name ? job->mode_name : "the table";
	char why[512];

	check_modes(job);
	parse_format(job);
	if (!want_check(&job->want, why, sizeof(why)))
		wrong_usage("%s", why);
	if ((job->mode == MODE_QUERY || job->mode == MODE_ACCOUNTED) &&
	    !query_check(job->query, job->fields, why, sizeof(why)))
		wrong_usage("%s", why);
	if (job->mode == MODE_ALL &&
	    !parse_parts(job->display, &job->parts, why, sizeof(why)))
		wrong_usage("%s", why);
	if (job->mode == MODE_CHANGE && !change_check(&job->change, why, sizeof(why)))
		wrong_usage("%s", why);
	if (job->mode == MODE_DMON || job->mode == MODE_PMON) {
		if (!monitor_check(job->mode == MODE_PMON, &job->monitor, why,
				   sizeof(why)))
			wrong_usage("%s", why);
		if (job->display)
			job->seconds = parse_seconds(job->display, 1);
		else if (!(job->seconds > 0))
			job->seconds = 1;
	}
	if (strcmp(job->colour, "auto") && strcmp(job->colour, "always") &&
	    strcmp(job->colour, "never"))
		wrong_usage("--color %s: it is auto, always or never", job->colour);
	job->want.details = job->mode != MODE_TABLE && job->mode != MODE_LIST &&
			    job->mode != MODE_PMON;
	job->want.ids = job->mode == MODE_LIST;
	job->want.all_pids = true;
	job->want.silent = job->mode == MODE_TABLE || job->mode == MODE_JSON ||
			   (job->mode == MODE_ALL && (job->xml || job->parts & ALL_MEMORY)) ||
			   job->mode == MODE_DMON ||
			   (job->mode == MODE_QUERY &&
			    query_wants_silent(job->query, job->fields));
	job->want.peaks = job->mode == MODE_ALL || job->mode == MODE_JSON ||
			  (job->mode == MODE_QUERY &&
			   query_wants_peaks(job->query, job->fields));
	job->want.processes = job->mode == MODE_TABLE ||
			      job->mode == MODE_JSON || job->mode == MODE_PMON ||
			      (job->mode == MODE_ALL && job->parts & ALL_PIDS) ||
			      (job->mode == MODE_QUERY &&
			       job->query == QUERY_PROCESSES);
	/* It is memory of the process's, and not read without need. */
	job->want.commands = job->want.processes &&
			     (job->mode != MODE_QUERY ||
			      query_wants_commands(job->fields) ||
			      (job->want.sort && strstr(job->want.sort, "command")));
	if ((job->want.pids || job->want.users) && !job->want.processes &&
	    job->mode != MODE_ACCOUNTED)
		wrong_usage("-p and -u are for what shows processes, which %s does not", name);
}
