// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi doctor: whether all is there that it takes to see what processes hold, a line
 * for each, with what mends it. What could not be looked at is said, and is not well.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "make_json.h"
#include "smi.h"

/* Only a test is compiled with another. */
#ifndef TTMEM_ROOT
#define TTMEM_ROOT	""
#endif

static const char help[] =
	"Usage: ttmem-smi doctor [--json]\n"
	"See whether all is there that it takes to show what processes hold of the cards'\n"
	"memory, and say how to mend what is not.\n"
	"\n"
	"      --json             the same as JSON\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 if all is well; 1 if not; 2 wrong argument.\n";

enum health { WELL, WRONG, UNKNOWN };

static const char * const states[] = {
	[WELL] = "ok", [WRONG] = "wrong", [UNKNOWN] = "unknown",
};

/* What has been found. */
struct findings {
	struct finding {
		enum health state;
		const char *about;
		char *what;
		char *mend;		/* NULL if there is nothing to be done */
	} *finding;
	size_t count;
	bool in_container;
	struct utsname kernel;
};

static char *put_together(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

static struct finding *found(struct findings *f, enum health state, const char *about,
			     const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct finding *found(struct findings *f, enum health state, const char *about,
			     const char *format, ...)
{
	struct finding *new;
	va_list args;

	f->finding = grow(f->finding, f->count, sizeof(*new));
	new = &f->finding[f->count++];
	new->state = state;
	new->about = about;
	va_start(args, format);
	new->what = put_together(format, args);
	va_end(args);
	return new;
}

static void __attribute__((format(printf, 2, 3)))
mend(struct finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	finding->mend = put_together(format, args);
	va_end(args);
}

static bool there(const char *path)
{
	return !access(path, F_OK);
}

/* Whether any file matches a pattern, braces and all. The first is then in @path. */
static bool any(const char *pattern, char *path, size_t size)
{
	glob_t matches;
	bool is = !glob(pattern, GLOB_BRACE, NULL, &matches);

	if (is)
		snprintf(path, size, "%s", matches.gl_pathv[0]);
	globfree(&matches);
	return is;
}

static void see_place(struct findings *f)
{
	f->in_container = there(TTMEM_ROOT "/run/.containerenv") ||
			  there(TTMEM_ROOT "/.dockerenv") ||
			  there(TTMEM_ROOT "/run/systemd/container");
	found(f, WELL, "place", f->in_container ?
	      "in a container: modules, rules and services are its host's" : "not in a container");
}

static bool see_module(struct findings *f, const char *about, const char *name,
		       char *version, size_t size)
{
	char path[TTMEM_PATH_SIZE];

	snprintf(path, sizeof(path), TTMEM_SYSFS "/module/%s", name);
	if (!there(path)) {
		mend(found(f, WRONG, about, "the module %s is not loaded", name),
		     "%ssudo modprobe %s", f->in_container ? "on the host: " : "", name);
		return false;
	}
	snprintf(path, sizeof(path), TTMEM_SYSFS "/module/%s/version", name);
	if (ttmem__read_line(path, version, size) || !*version)
		found(f, UNKNOWN, about, "the module %s is loaded, and its version cannot be read",
		      name);
	else
		found(f, WELL, about, "%s", version);
	return true;
}

static void see_versions(struct findings *f, const char *module)
{
	if (!*module)
		return;
	if (!strcmp(module, TTMEM_VERSION))
		found(f, WELL, "versions", "module and tools are both %s", module);
	else
		mend(found(f, WRONG, "versions", "the module is %s, ttmem-smi is %s", module,
			   TTMEM_VERSION),
		     "install both of one version, then: sudo modprobe -r ttmem && sudo modprobe ttmem");
}

static void see_node(struct findings *f, const struct ttmem_card_id *card)
{
	char path[TTMEM_PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), TTMEM_NODES "/%u", card->number);
	if (stat(path, &st)) {
		mend(found(f, WRONG, "node", "%s: %s", path, strerror(errno)),
		     f->in_container ?
		     "give the container that device too, or all of /dev/tenstorrent" :
		     "sudo udevadm trigger --subsystem-match=ttmem");
		return;
	}
	if (!S_ISCHR(st.st_mode))
		mend(found(f, WRONG, "node", "%s is not a device", path),
		     "remove it, then: sudo udevadm trigger --subsystem-match=ttmem");
	else if (access(path, R_OK | W_OK))
		mend(found(f, WRONG, "node", "%s may not be opened by you, its mode is %04o", path,
			   st.st_mode & 07777),
		     "see MODE in /usr/lib/udev/rules.d/60-ttmem.rules, and the groups of: ls -l %s",
		     path);
	else
		found(f, WELL, "node", "%s, mode %04o", path, st.st_mode & 07777);
}

static void see_cards(struct findings *f)
{
	struct ttmem_card_id *list;
	size_t count, i;
	int ret;

	ret = ttmem_cards(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret == -ENXIO || (!ret && !count)) {
		mend(found(f, WRONG, "cards", "TT-KMD drives no card"),
		     "lspci -d 1e52: shows the cards that the machine sees, dmesg what TT-KMD says of them");
	} else if (ret) {
		found(f, UNKNOWN, "cards", "%s", ttmem_strerror(ret));
	}
	for (i = 0; !ret && i < count; i++) {
		if (!list[i].chips) {
			mend(found(f, WRONG, "cards", "ttmem does not follow card %u",
				   list[i].number),
			     "%s", ttmem_present() ? "sudo modprobe ttmem" :
			     "sudo dmesg | grep ttmem says why");
			continue;
		}
		found(f, WELL, "cards", "card %u, %s, %u chip%s", list[i].number, list[i].address,
		      list[i].chips, list[i].chips == 1 ? "" : "s");
		see_node(f, &list[i]);
	}
	ttmem_list_free(list);
}

static void see_list(struct findings *f)
{
	struct ttmem_client *list;
	size_t count;
	int ret;

	if (ttmem_present())
		return;
	ret = ttmem_clients(&list, &count, sizeof(*list));
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret)
		mend(found(f, WRONG, "list", "who holds what cannot be read: %s",
			   ttmem_strerror(ret)),
		     "look from where all of /proc is mounted");
	else
		found(f, WELL, "list", TTMEM_LIST " can be read");
	ttmem_list_free(list);
}

static void see_rule(struct findings *f)
{
	static const char * const places[] = {
		TTMEM_ROOT "/etc/udev/rules.d/60-ttmem.rules",
		TTMEM_ROOT "/run/udev/rules.d/60-ttmem.rules",
		TTMEM_ROOT "/usr/local/lib/udev/rules.d/60-ttmem.rules",
		TTMEM_ROOT "/usr/lib/udev/rules.d/60-ttmem.rules",
		TTMEM_ROOT "/lib/udev/rules.d/60-ttmem.rules",
	};
	size_t i;

	if (f->in_container)
		return;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (there(places[i])) {
			found(f, WELL, "udev rule", "%s", places[i]);
			return;
		}
	mend(found(f, WRONG, "udev rule", "there is no 60-ttmem.rules"),
	     "install the package ttmem-dkms, or in ttmem's source: sudo make udev-install");
}

/* Whether the module is installed for this kernel, and will be for the next one. */
static void see_installed(struct findings *f)
{
	char pattern[TTMEM_PATH_SIZE + 100], path[TTMEM_PATH_SIZE];
	const char *release = f->kernel.release;

	if (f->in_container)
		return;
	snprintf(pattern, sizeof(pattern), TTMEM_ROOT "/lib/modules/%s/{updates,extra}{,/dkms}/ttmem.ko*",
		 release);
	if (any(pattern, path, sizeof(path)))
		found(f, WELL, "installed", "%s", path);
	else
		mend(found(f, WRONG, "installed", "ttmem is not installed for Linux %s", release),
		     "sudo dkms autoinstall, or in ttmem's source: sudo make dkms");
	if (!any(TTMEM_ROOT "/var/lib/dkms/ttmem/*", path, sizeof(path))) {
		mend(found(f, WRONG, "DKMS",
			   "it does not know ttmem, which the next kernel will lack"),
		     "install the package ttmem-dkms, or in ttmem's source: sudo make dkms");
		return;
	}
	found(f, WELL, "DKMS", "%s", path);
	snprintf(path, sizeof(path), TTMEM_ROOT "/lib/modules/%s/build/Makefile", release);
	if (there(path))
		found(f, WELL, "headers", "of Linux %s", release);
	else
		mend(found(f, WRONG, "headers", "there are none of Linux %s", release),
		     "sudo apt install linux-headers-%s, or your distribution's package", release);
}

static void see_silence(struct findings *f, const struct metald_state *metald)
{
	size_t i;
	int why;

	for (i = 0; i < metald->cards; i++)
		for (why = SILENT_STARTING + 1; why < SILENCES; why++)
			if (metald->card[i].silent[why])
				mend(found(f, WRONG, "processes", "of %" PRIu64 " with card %u open nothing is told: %s",
					   metald->card[i].silent[why], metald->card[i].card,
					   silence_sentence(why)),
				     "sudo ttmem-metald --once shows which");
	if (metald->unplaced)
		mend(found(f, WRONG, "chips", "%" PRIu64 " bytes are counted of chips that cannot be placed",
			   metald->unplaced),
		     "sudo ttmem-metald --chips DESCRIPTOR, see ttmem-metald(8)");
	else
		found(f, WELL, "chips", "all that are counted are placed");
}

static void see_metald(struct findings *f)
{
	struct metald_state metald;
	int ret;

	/* It speaks to its own machine. */
	if (f->in_container)
		return;
	ret = metald_read(&metald);
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret) {
		found(f, UNKNOWN, "ttmem-metald", METALD_STATE ": %s", strerror(-ret));
	} else if (!metald.running) {
		mend(found(f, WRONG, "ttmem-metald",
			   "it is not running: nothing is told of unmodified programs"),
		     "sudo systemctl enable --now ttmem-metald; the package is ttmem-metald");
	} else {
		found(f, WELL, "ttmem-metald", "it is running");
		see_silence(f, &metald);
	}
	metald_free(&metald);
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
	const char *text;
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
	text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_NOSLASHESCAPE |
					      JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
	if (!text)
		out_of_memory();
	fprintf(out, "%s\n", text);
	json_object_put(list);
}

static void examine(struct findings *f)
{
	char ttmem[64] = "", tt_kmd[64] = "";

	if (uname(&f->kernel))
		out_of_memory();
	see_place(f);
	see_module(f, "TT-KMD", "tenstorrent", tt_kmd, sizeof(tt_kmd));
	if (see_module(f, "ttmem", "ttmem", ttmem, sizeof(ttmem)))
		see_versions(f, ttmem);
	see_installed(f);
	see_rule(f);
	see_cards(f);
	see_list(f);
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
	size_t i;
	int opt;

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
		fprintf(stderr, "ttmem-smi doctor: '%s' is no option of it\n", argv[optind]);
		return EXIT_USAGE;
	}

	examine(&f);
	if (json)
		print_findings_json(stdout, &f);
	else
		print_findings(stdout, &f);
	for (i = 0; i < f.count; i++) {
		well = well && f.finding[i].state == WELL;
		free(f.finding[i].what);
		free(f.finding[i].mend);
	}
	free(f.finding);
	if (fflush(stdout)) {
		fprintf(stderr, "ttmem-smi: cannot write: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return well ? EXIT_OK : EXIT_FAILED;
}
