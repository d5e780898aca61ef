// SPDX-License-Identifier: GPL-2.0-only
/*
 * ttmem-cdi: the cards of this machine as a specification for container
 * runtimes, of the Container Device Interface. Documentation/containers.rst
 * tells what to do with it.
 */
#include <errno.h>
#include <getopt.h>
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
	"Usage: ttmem-cdi [-o FILE]\n"
	"Print a CDI specification of this machine's Tenstorrent cards: it has container\n"
	"runtimes pass TT-KMD's node of a card together with that of ttmem.\n"
	"\n"
	"  -o, --output=FILE  write it to FILE, all or nothing\n"
	"  -h, --help         this text\n"
	"  -V, --version      the version of ttmem-cdi and of CDI\n"
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

/* Add a device that brings some cards. */
static void add_device(struct json_object *devices, const char *name,
		       const struct ttmem_card_id *cards, size_t count)
{
	struct json_object *device = made(json_object_new_object());
	struct json_object *edits = made(json_object_new_object());
	struct json_object *nodes = made(json_object_new_array());
	size_t i;

	for (i = 0; i < count; i++)
		add_nodes(nodes, &cards[i]);
	put(edits, "deviceNodes", nodes);
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
		add_device(devices, name, &cards[i], 1);
		add_device(devices, cards[i].address, &cards[i], 1);
	}
	add_device(devices, "all", cards, count);
	put(spec, "devices", devices);
	return spec;
}

/* A runtime that reads meanwhile finds the old file or the new one, whole. */
static void write_file(const char *path, const char *text)
{
	char *new;
	FILE *file;
	int fd;

	if (asprintf(&new, "%s.XXXXXX", path) < 0)
		out_of_memory();
	fd = mkstemp(new);
	if (fd < 0)
		die(1, "cannot write beside %s: %s", path, strerror(errno));
	file = fdopen(fd, "w");
	if (!file || fprintf(file, "%s\n", text) < 0 || fchmod(fd, 0644) ||
	    fflush(file) || fsync(fd) || fclose(file) || rename(new, path)) {
		int error = errno;

		unlink(new);
		die(1, "cannot write %s: %s", path, strerror(error));
	}
	free(new);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	struct ttmem_card_id *cards;
	struct json_object *spec;
	const char *path = NULL;
	const char *text;
	size_t count, i;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "o:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			path = optarg;
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

	ret = ttmem_cards(&cards, &count, sizeof(*cards));
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
