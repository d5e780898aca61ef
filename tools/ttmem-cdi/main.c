// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-cdi: the cards of this machine as a specification for container
 * runtimes, of the Container Device Interface. Documentation/containers.rst
 * tells what to do with it.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clean.h"
#include "internal.h"
#include "make_json.h"

#define EXIT_USAGE	2

#define CDI_KIND	"tenstorrent.com/card"
/* The first that has all that is used here: names that begin with a digit. */
#define CDI_VERSION	"0.5.0"

static const char help[] =
	"Usage: ttmem-cdi [-o FILE [-r]]\n"
	"       ttmem-cdi -c ADDRESS=NUMBER\n"
	"Print a CDI specification of this machine's Tenstorrent cards: it has container\n"
	"runtimes pass TT-KMD's node of a card together with that of ttmem.\n"
	"\n"
	"  -o, --output=FILE           write it to FILE, all or nothing\n"
	"  -r, --remove                if there is no card, remove FILE and succeed\n"
	"  -c, --check=ADDRESS=NUMBER  check that the card at ADDRESS has NUMBER; runtimes\n"
	"                              call this before a container with it starts\n"
	"  -h, --help                  this text\n"
	"  -V, --version               the version of ttmem-cdi and of CDI\n"
	"\n"
	"Example:\n"
	"  ttmem-cdi -o /etc/cdi/tenstorrent.json\n"
	"  podman run --device " CDI_KIND "=0 ...\n";

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-cdi: ", stderr);
	clean_vprint(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

void out_of_memory(void)
{
	die(1, "out of memory");
}

static struct json_object *string(const char *text)
{
	return made(json_object_new_string(text));
}

/*
 * Add the nodes of a card. What is not there may not be told, a runtime would
 * refuse the container. Numbers are left for the runtime to look up: they are
 * the kernel's to give and may change from boot to boot.
 */
static void add_nodes(struct json_object *nodes, const struct ttmem_card_id *card)
{
	static const char * const dirs[] = {
		"/dev/tenstorrent", "/dev/tenstorrent/mem",
	};
	size_t i;

	for (i = 0; i < (card->chips ? 2 : 1); i++) {
		struct json_object *node = made(json_object_new_object());
		char path[64];

		snprintf(path, sizeof(path), "%s/%u", dirs[i], card->number);
		put(node, "path", string(path));
		put(node, "permissions", string("rw"));
		append(nodes, node);
	}
}

/*
 * A number may have gone to another card since this was written. So before a container
 * starts the runtime has this program see that it has not; a symbolic link by address
 * would be simpler, but runtimes take none for a device node.
 */
static void add_check(struct json_object *edits, const struct ttmem_card_id *card)
{
	static char self[PATH_MAX];
	struct json_object *hooks = made(json_object_new_array());
	struct json_object *hook = made(json_object_new_object());
	struct json_object *args = made(json_object_new_array());
	char check[64];
	ssize_t len;

	if (!*self) {
		len = readlink("/proc/self/exe", self, sizeof(self) - 1);
		if (len < 0)
			die(1, "cannot tell where this program is, which runtimes are to call: /proc/self/exe: %s",
			    strerror(errno));
		self[len] = '\0';
		if (access(self, X_OK))
			die(1, "this program is not where runtimes are to call it, %s: %s", self,
			    strerror(errno));
	}
	snprintf(check, sizeof(check), "--check=%s=%u", card->address, card->number);
	append(args, string("ttmem-cdi"));
	append(args, string(check));
	put(hook, "hookName", string("createRuntime"));
	put(hook, "path", string(self));
	put(hook, "args", args);
	append(hooks, hook);
	put(edits, "hooks", hooks);
}

/* Add a device that brings some cards; @check: its name is an address. */
static void add_device(struct json_object *devices, const char *name,
		       const struct ttmem_card_id *cards, size_t count, bool check)
{
	struct json_object *device = made(json_object_new_object());
	struct json_object *edits = made(json_object_new_object());
	struct json_object *nodes = made(json_object_new_array());
	size_t i;

	for (i = 0; i < count; i++)
		add_nodes(nodes, &cards[i]);
	put(edits, "deviceNodes", nodes);
	if (check)
		add_check(edits, cards);
	put(device, "name", string(name));
	put(device, "containerEdits", edits);
	append(devices, device);
}

static struct json_object *specification(const struct ttmem_card_id *cards,
					 size_t count)
{
	struct json_object *spec = made(json_object_new_object());
	struct json_object *devices = made(json_object_new_array());
	char name[16];
	size_t i;

	put(spec, "cdiVersion", string(CDI_VERSION));
	put(spec, "kind", string(CDI_KIND));
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%u", cards[i].number);
		add_device(devices, name, &cards[i], 1, false);
		add_device(devices, cards[i].address, &cards[i], 1, true);
	}
	add_device(devices, "all", cards, count, false);
	put(spec, "devices", devices);
	return spec;
}

/* Make the directories above @path that are missing. */
static void make_directories(const char *path)
{
	char *dir = strdup(path), *slash;

	if (!dir)
		out_of_memory();
	for (slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0755) && errno != EEXIST)
			die(1, "cannot make the directory %s for %s: %s", dir, path,
			    strerror(errno));
		*slash = '/';
	}
	free(dir);
}

/* A runtime that reads meanwhile finds the old file or the new one, whole. */
static void write_file(const char *path, const char *text)
{
	sigset_t all;
	char *new;
	FILE *file;
	int fd;

	make_directories(path);
	/* systemd ends us when cards change meanwhile: no half file is to stay. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (asprintf(&new, "%s.XXXXXX", path) < 0)
		out_of_memory();
	fd = mkstemp(new);
	if (fd < 0)
		die(1, "cannot create a file in the directory of %s: %s", path, strerror(errno));
	file = fdopen(fd, "w");
	if (!file || fprintf(file, "%s\n", text) < 0 || fchmod(fd, 0644) ||
	    fflush(file) || fsync(fd) || fclose(file) || rename(new, path)) {
		int error = errno;

		unlink(new);
		die(1, "cannot write %s: %s", path, strerror(error));
	}
	free(new);
}

static int remove_file(const char *path)
{
	if (unlink(path) && errno != ENOENT)
		die(1, "there is no card, and cannot remove %s, which tells of some: %s", path,
		    strerror(errno));
	return 0;
}

/* See that the card of "ADDRESS=NUMBER" has that number. */
static int check_card(const char *text)
{
	const char *number = strchr(text, '=');
	char address[TTMEM_PATH_SIZE];
	unsigned int found = 0;
	uint64_t wanted = 0;
	int ret = -EINVAL;

	if (number && strchr(text, ':') &&
	    (size_t)(number - text) < sizeof(address) &&
	    ttmem__number(number + 1, INT_MAX, &wanted)) {
		snprintf(address, sizeof(address), "%.*s", (int)(number - text), text);
		ret = ttmem__find(address, &found);
	}
	if (ret == -EINVAL)
		die(EXIT_USAGE, "--check %s: this is no PCI address and number as 0000:01:00.0=0",
		    text);
	if (ret && ret != -ENXIO)
		die(1, "%s", ttmem_strerror(ret));
	if (ret)
		die(1, "there is no card at %s (any more): ttmem-smi -L lists those there are. Write the CDI specification again with ttmem-cdi -o",
		    address);
	if (found != wanted)
		die(1, "the card at %s has the number %u now, not %llu as when the CDI specification was written. Write that again with ttmem-cdi -o",
		    address, found, (unsigned long long)wanted);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "remove", no_argument, NULL, 'r' },
		{ "check", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	struct ttmem_card_id *cards;
	struct json_object *spec;
	const char *path = NULL, *check = NULL;
	bool may_remove = false;
	const char *text;
	size_t count, i;
	int opt, ret;

	/* getopt's messages begin with it, and it is the caller's to choose. */
	if (argc)
		argv[0] = "ttmem-cdi";
	while ((opt = getopt_long(argc, argv, "o:rc:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			path = optarg;
			break;
		case 'r':
			may_remove = true;
			break;
		case 'c':
			check = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return fflush(stdout) ? 1 : 0;
		case 'V':
			printf("ttmem-cdi %s (CDI %s)\n", TTMEM_VERSION,
			       CDI_VERSION);
			return fflush(stdout) ? 1 : 0;
		default:
			die(EXIT_USAGE, "ttmem-cdi --help tells more");
		}
	}
	if (optind < argc)
		die(EXIT_USAGE, "'%s' is one argument too many. ttmem-cdi --help tells more",
		    argv[optind]);
	if (path && !*path)
		die(EXIT_USAGE, "the name of the file of -o is empty. ttmem-cdi --help tells more");
	if (may_remove && !path)
		die(EXIT_USAGE, "-r says what to do with the file of -o, which is not given. ttmem-cdi --help tells more");
	if (check && path)
		die(EXIT_USAGE, "-c writes nothing: there is no -o with it. ttmem-cdi --help tells more");
	if (check)
		return check_card(check);

	ret = ttmem_cards(&cards, &count, sizeof(*cards));
	if (may_remove && ((!ret && !count) ||
			   (ret == -ENXIO && access(TTMEM_CLASS, F_OK) && errno == ENOENT)))
		return remove_file(path);
	if (ret)
		die(1, "%s", ttmem_strerror(ret));
	if (!count)
		die(1, "TT-KMD is loaded and drives no card, and a CDI specification needs one. lspci -d 1e52: shows the cards that the machine sees");
	for (i = 0; i < count; i++)
		if (!cards[i].chips)
			fprintf(stderr,
				"ttmem-cdi: card %u is told without ttmem's node, as ttmem does not follow it: run modprobe ttmem, then this again\n",
				cards[i].number);

	spec = specification(cards, count);
	text = json_object_to_json_string_ext(spec, JSON_C_TO_STRING_NOSLASHESCAPE |
					      JSON_C_TO_STRING_PRETTY);
	if (!text)
		out_of_memory();
	if (path)
		write_file(path, text);
	else if (puts(text) < 0 || fflush(stdout))
		die(1, "cannot write: %s", strerror(errno));
	json_object_put(spec);
	ttmem_list_free(cards);
	return 0;
}
