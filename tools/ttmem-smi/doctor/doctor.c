// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi doctor: whether all is there that it takes to see what processes hold, a line
 * for each, with what mends it. What could not be looked at is said, and is not well.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/base.h"
#include "clean.h"
#include "doctor/doctor.h"
#include "doctor/findings.h"
#include "make_json.h"
#include "text/text.h"

static const char help[] =
	"Usage: ttmem-smi doctor [--json]\n"
	"See whether all is there that it takes to show what processes hold of the cards'\n"
	"memory, and say how to mend what is not.\n"
	"\n"
	"      --json             the same as JSON\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 if all is well; 1 if not; 2 wrong argument.\n";

static const char * const states[] = {
	[WELL] = "ok", [WRONG] = "wrong", [UNKNOWN] = "unknown",
};

static void see_place(struct findings *f)
{
	f->in_container = there(TTMEM_ROOT "/run/.containerenv") ||
			  there(TTMEM_ROOT "/.dockerenv") ||
			  there(TTMEM_ROOT "/run/systemd/container");
	found(f, WELL, "place", "%s", f->in_container ?
	      "in a container: look on its host at what is installed, rules and services" :
	      "not in a container");
}

static void print_findings(FILE *out, const struct findings *f)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		const struct finding *one = &f->finding[i];
		char *what = printable(one->what);

		fprintf(out, "%-8s %-13s %s\n", states[one->state], one->about, what);
		if (one->mend)
			fprintf(out, "%-8s %-13s -> %s\n", "", "", one->mend);
		free(what);
	}
}

static void print_findings_json(FILE *out, const struct findings *f)
{
	struct json_object *list = made(json_object_new_array());
	size_t i;

	for (i = 0; i < f->count; i++) {
		const struct finding *one = &f->finding[i];
		struct json_object *obj = made(json_object_new_object());
		char *what = printable(one->what);

		put(obj, "state", made(json_object_new_string(states[one->state])));
		put(obj, "about", made(json_object_new_string(one->about)));
		put(obj, "what", made(json_object_new_string(what)));
		put(obj, "mend", one->mend ? made(json_object_new_string(one->mend)) : NULL);
		append(list, obj);
		free(what);
	}
	print_object(out, list, false);
}

static void examine(struct findings *f)
{
	char ttmem[64] = "", tt_kmd[64] = "";

	uname(&f->kernel);
	see_place(f);
	see_module(f, "TT-KMD", "tenstorrent", tt_kmd, sizeof(tt_kmd));
	if (see_module(f, "ttmem", "ttmem", ttmem, sizeof(ttmem)) && *ttmem)
		compare_versions(f, "the module", ttmem, "sudo modprobe -r ttmem && sudo modprobe ttmem");
	see_library(f);
	if (!f->in_container) {
		see_installed(f);
		see_rule(f);
	}
	see_cards(f);
	see_list(f);
	if (f->in_container)
		return;
	see_unit(f);
	see_metald(f);
}

int doctor_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct findings f = { 0 };
	bool json = false, well = true;
	char *text = NULL;
	int opt, status;
	FILE *paper;
	size_t size, i;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? EXIT_FAILED : EXIT_OK;
		default:
			fputs("ttmem-smi: ttmem-smi doctor --help tells more\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		clean_print(stderr, "ttmem-smi doctor: '%s' is no option of it", argv[optind]);
		fputc('\n', stderr);
		return EXIT_USAGE;
	}

	examine(&f);
	paper = open_memstream(&text, &size);
	if (!paper)
		out_of_memory();
	if (json)
		print_findings_json(paper, &f);
	else
		print_findings(paper, &f);
	if (!clean_send(stdout, paper, &text))
		out_of_memory();
	for (i = 0; i < f.count; i++) {
		well = well && f.finding[i].state == WELL;
		free(f.finding[i].what);
		free(f.finding[i].mend);
	}
	free(f.finding);
	status = close_output(stdout, "standard output");
	return status ? status : well ? EXIT_OK : EXIT_FAILED;
}
