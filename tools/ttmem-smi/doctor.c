// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-smi doctor: whether all is there that it takes to see what processes hold, a line
 * for each, with what mends it. What could not be looked at is said, and is not well.
 */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clean.h"
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

enum verdict { WELL, WRONG, UNKNOWN };

static const char * const states[] = {
	[WELL] = "ok", [WRONG] = "wrong", [UNKNOWN] = "unknown",
};

/* What has been found. */
struct findings {
	struct finding {
		enum verdict state;
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

static struct finding *found(struct findings *f, enum verdict state, const char *about,
			     const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct finding *found(struct findings *f, enum verdict state, const char *about,
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

/* 0 if it is there, -ENOENT if not, another negative errno if that cannot be seen. */
static int look_for(const char *path)
{
	if (!access(path, F_OK))
		return 0;
	return errno == ENOTDIR ? -ENOENT : -errno;
}

static bool there(const char *path)
{
	return !look_for(path);
}

static int glob_error;

/* A directory that is not there has nothing in it; one that cannot be read may have. */
static int note_error(const char *path, int error)
{
	(void)path;
	if (error == ENOENT || error == ENOTDIR)
		return 0;
	glob_error = -error;
	return 1;
}

/*
 * The first file that matches a pattern, braces and all, into @path. Returns as
 * look_for() does.
 */
static int match(const char *pattern, char *path, size_t size)
{
	glob_t matches;
	int ret;

	glob_error = 0;
	ret = glob(pattern, GLOB_BRACE, note_error, &matches);
	if (ret == GLOB_NOSPACE)
		out_of_memory();
	if (!ret)
		snprintf(path, size, "%s", matches.gl_pathv[0]);
	else
		glob_error = glob_error ? glob_error : -ENOENT;
	globfree(&matches);
	return glob_error;
}

/* Where udev looks for rules and systemd for units, the one that counts first. */
static int first_of(const char *kind, const char *name, char *path, size_t size)
{
	static const char * const places[] = {
		"/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib",
	};
	int ret = -ENOENT;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]) && ret == -ENOENT; i++) {
		snprintf(path, size, TTMEM_ROOT "%s/%s/%s", places[i], kind, name);
		ret = look_for(path);
	}
	return ret;
}

/* An empty file, or a link to /dev/null, is how an administrator turns one off. */
static bool turned_off(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !st.st_size;
}

static void cannot_see(struct findings *f, const char *about, const char *path, int error)
{
	found(f, UNKNOWN, about, "%s: %s", path, strerror(-error));
}

static void see_place(struct findings *f)
{
	f->in_container = there(TTMEM_ROOT "/run/.containerenv") ||
			  there(TTMEM_ROOT "/.dockerenv") ||
			  there(TTMEM_ROOT "/run/systemd/container");
	found(f, WELL, "place", "%s", f->in_container ?
	      "in a container: look on its host at what is installed, rules and services" :
	      "not in a container");
}

static bool see_module(struct findings *f, const char *about, const char *name,
		       char *version, size_t size)
{
	char path[TTMEM_PATH_SIZE];
	int ret;

	snprintf(path, sizeof(path), TTMEM_SYSFS "/module/%s", name);
	ret = look_for(path);
	if (ret && ret != -ENOENT) {
		cannot_see(f, about, path, ret);
		return false;
	}
	if (ret) {
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

/* @what stands beside ttmem-smi, in @version. */
static void compare(struct findings *f, const char *what, const char *version,
		    const char *how)
{
	if (!strcmp(version, TTMEM_VERSION))
		found(f, WELL, "versions", "%s and ttmem-smi are both %s", what, version);
	else
		mend(found(f, WRONG, "versions", "%s is %s, ttmem-smi is %s", what, version,
			   TTMEM_VERSION),
		     "install both of one version, then: %s", how);
}

/* The one that the loader finds for other programs: ttmem-smi has its own in it. */
static void see_library(struct findings *f)
{
	static const char name[] = "libttmem.so.0";
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	const char *(*version)(void);
	const char *error;

	if (!library) {
		error = dlerror();
		if (error && strstr(error, name) && strstr(error, strerror(ENOENT)))
			found(f, WELL, "versions", "%s is not installed; only programs that tell ttmem themselves take it",
			      name);
		else
			found(f, UNKNOWN, "versions", "%s", error ? error : name);
		return;
	}
	version = (const char *(*)(void))dlsym(library, "ttmem_version");
	if (version)
		compare(f, name, version(), "sudo ldconfig");
	else
		mend(found(f, WRONG, "versions", "%s is older than ttmem-smi, which is %s", name,
			   TTMEM_VERSION),
		     "install both of one version, then: sudo ldconfig");
	dlclose(library);
}

static void see_node(struct findings *f, const struct ttmem_card_id *card)
{
	char path[TTMEM_PATH_SIZE];
	char driver[TTMEM_PATH_SIZE];
	struct stat st, tt_kmd;
	mode_t denied;

	snprintf(path, sizeof(path), TTMEM_NODES "/%u", card->number);
	if (stat(path, &st)) {
		mend(found(f, WRONG, "node", "%s: %s", path, strerror(errno)),
		     "%s", f->in_container ?
		     "give the container that device too, or all of /dev/tenstorrent" :
		     "sudo udevadm trigger --subsystem-match=ttmem");
		return;
	}
	if (!S_ISCHR(st.st_mode)) {
		mend(found(f, WRONG, "node", "%s is not a device", path),
		     "remove it, then: sudo udevadm trigger --subsystem-match=ttmem");
		return;
	}
	if (access(path, R_OK | W_OK)) {
		mend(found(f, WRONG, "node", "%s may not be opened by you, its mode is %04o", path,
			   st.st_mode & 07777),
		     "see MODE in 60-ttmem.rules, and the groups of: ls -l %s", path);
		return;
	}
	/* Who may use the card has to be able to tell; root is denied neither. */
	snprintf(driver, sizeof(driver), TTMEM_DEV "/tenstorrent/%u", card->number);
	if (stat(driver, &tt_kmd)) {
		/* A container may have it under another name. */
		if (errno != ENOENT || !f->in_container)
			found(f, UNKNOWN, "node", "%s, mode %04o; who may use the card is not known: %s: %s",
			      path, st.st_mode & 07777, driver, strerror(errno));
		else
			found(f, WELL, "node", "%s, mode %04o", path, st.st_mode & 07777);
		return;
	}
	denied = tt_kmd.st_mode & ~st.st_mode & 0666;
	if (tt_kmd.st_gid != st.st_gid)
		denied |= tt_kmd.st_mode & ~(st.st_mode << 3) & 060;
	if (denied)
		mend(found(f, WRONG, "node", "%s, mode %04o, is closed to some who may use %s, mode %04o",
			   path, st.st_mode & 07777, driver, tt_kmd.st_mode & 07777),
		     "set MODE and GROUP in 60-ttmem.rules as in TT-KMD's rule, then: sudo udevadm trigger --subsystem-match=ttmem");
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
		cannot_see(f, "cards", TTMEM_CLASS, ret);
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
		found(f, WRONG, "list", "who holds what cannot be read: %s",
		      ttmem_strerror(ret));
	else
		found(f, WELL, "list", TTMEM_LIST " can be read");
	ttmem_list_free(list);
}

static void see_rule(struct findings *f)
{
	char path[TTMEM_PATH_SIZE];
	int ret;

	ret = first_of("udev/rules.d", "60-ttmem.rules", path, sizeof(path));
	if (ret == -ENOENT)
		mend(found(f, WRONG, "udev rule", "there is no 60-ttmem.rules"),
		     "install the package ttmem-dkms, or in ttmem's source: sudo make udev-install");
	else if (ret)
		cannot_see(f, "udev rule", path, ret);
	else if (turned_off(path))
		mend(found(f, WRONG, "udev rule", "%s is empty: nodes are root's alone", path),
		     "sudo rm %s && sudo udevadm trigger --subsystem-match=ttmem", path);
	else
		found(f, WELL, "udev rule", "%s", path);
}

static void see_dkms(struct findings *f)
{
	static const char version[] = TTMEM_ROOT "/var/lib/dkms/ttmem/" TTMEM_VERSION;
	static const char sentence[] =
		"install the package ttmem-dkms, or in ttmem's source: sudo make dkms";
	char path[TTMEM_PATH_SIZE];
	int ret;

	ret = look_for(version);
	if (!ret) {
		found(f, WELL, "DKMS", "%s", version);
		return;
	}
	if (ret == -ENOENT)
		ret = match(TTMEM_ROOT "/var/lib/dkms/ttmem/[0-9]*", path, sizeof(path));
	if (!ret)
		mend(found(f, WRONG, "DKMS", "it has %s and not %s", path, TTMEM_VERSION),
		     "%s", sentence);
	else if (ret == -ENOENT)
		mend(found(f, WRONG, "DKMS",
			   "it does not know ttmem: the kernel's next update will be without it"),
		     "%s", sentence);
	else
		cannot_see(f, "DKMS", TTMEM_ROOT "/var/lib/dkms/ttmem", ret);
}

/* Whether the module is installed for this kernel, and will be for the next one. */
static void see_installed(struct findings *f)
{
	char pattern[TTMEM_PATH_SIZE + 100], path[TTMEM_PATH_SIZE];
	const char *release = f->kernel.release;
	int ret;

	snprintf(pattern, sizeof(pattern), TTMEM_ROOT "/lib/modules/%s/{updates,extra}{,/dkms}/ttmem.ko*",
		 release);
	ret = match(pattern, path, sizeof(path));
	if (!ret)
		found(f, WELL, "installed", "%s", path);
	else if (ret == -ENOENT)
		mend(found(f, WRONG, "installed", "ttmem is not installed for Linux %s", release),
		     "sudo dkms autoinstall, or in ttmem's source: sudo make dkms");
	else
		cannot_see(f, "installed", pattern, ret);
	see_dkms(f);
	snprintf(path, sizeof(path), TTMEM_ROOT "/lib/modules/%s/build/Makefile", release);
	ret = look_for(path);
	if (!ret)
		found(f, WELL, "headers", "of Linux %s", release);
	else if (ret == -ENOENT)
		mend(found(f, WRONG, "headers", "there are none of Linux %s", release),
		     "sudo apt install linux-headers-%s, or your distribution's package", release);
	else
		cannot_see(f, "headers", path, ret);
}

/* Whether ttmem-metald is started at the next boot: systemd's doing, or udev's. */
static void see_unit(struct findings *f)
{
	static const char wants[] =
		TTMEM_ROOT "/etc/systemd/system/*.{wants,requires}/ttmem-metald.service";
	char unit[TTMEM_PATH_SIZE], path[TTMEM_PATH_SIZE];
	int ret, rule;

	ret = look_for(TTMEM_ROOT "/run/systemd/system");
	if (ret) {
		found(f, UNKNOWN, "unit", "%s: whether ttmem-metald is started at the next boot is not known",
		      ret == -ENOENT ? "systemd does not run here" : strerror(-ret));
		return;
	}
	ret = first_of("systemd/system", "ttmem-metald.service", unit, sizeof(unit));
	if (ret == -ENOENT) {
		mend(found(f, WRONG, "unit", "there is no ttmem-metald.service"),
		     "install the package ttmem-metald, or in ttmem's source: sudo make tools-install");
		return;
	}
	if (!ret && turned_off(unit)) {
		mend(found(f, WRONG, "unit", "%s is masked", unit),
		     "sudo systemctl unmask ttmem-metald && sudo systemctl enable --now ttmem-metald");
		return;
	}
	if (ret) {
		cannot_see(f, "unit", unit, ret);
		return;
	}
	ret = match(wants, path, sizeof(path));
	if (!ret) {
		found(f, WELL, "unit", "%s is enabled", unit);
		return;
	}
	rule = first_of("udev/rules.d", "61-ttmem-metald.rules", path, sizeof(path));
	if (!rule && !turned_off(path))
		found(f, WELL, "unit", "%s is started by %s", unit, path);
	else if (ret != -ENOENT)
		cannot_see(f, "unit", wants, ret);
	else if (rule && rule != -ENOENT)
		cannot_see(f, "unit", path, rule);
	else
		mend(found(f, WRONG, "unit", "%s is not enabled: ttmem-metald is missing after the next boot",
			   unit),
		     "sudo systemctl enable --now ttmem-metald");
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
	char last[64] = "";
	int ret;

	ret = metald_read(&metald);
	if (ret == -ENOMEM)
		out_of_memory();
	if (ret == -EBADMSG || ret == -EFBIG) {
		mend(found(f, UNKNOWN, "ttmem-metald", METALD_STATE " is not understood"),
		     "install ttmem-metald %s, then: sudo systemctl restart ttmem-metald",
		     TTMEM_VERSION);
	} else if (ret) {
		cannot_see(f, "ttmem-metald", METALD_STATE, ret);
	} else if (!metald.running) {
		if (there(METALD_STATE))
			snprintf(last, sizeof(last), metald.age > 0 ?
				 ", " METALD_STATE " is %.0f s old" :
				 ", " METALD_STATE " is %.0f s ahead of the clock",
				 fabs(metald.age));
		mend(found(f, WRONG, "ttmem-metald",
			   "it is not running%s: nothing is told of unmodified programs", last),
		     "sudo systemctl enable --now ttmem-metald; systemctl status ttmem-metald says why it ended");
	} else {
		found(f, WELL, "ttmem-metald", "it is running, and wrote %.0f s ago",
		      fabs(metald.age));
		if (*metald.version)
			compare(f, "ttmem-metald", metald.version,
				"sudo systemctl restart ttmem-metald");
		else
			mend(found(f, UNKNOWN, "versions", "ttmem-metald does not say which it is"),
			     "install ttmem-metald %s, then: sudo systemctl restart ttmem-metald",
			     TTMEM_VERSION);
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
		compare(f, "the module", ttmem, "sudo modprobe -r ttmem && sudo modprobe ttmem");
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
