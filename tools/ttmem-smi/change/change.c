// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root may change: the capacity of a pool, the peaks, and a card's books after it
 * was reset. Each is a file of memory_stats/.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "change/change.h"
#include "internal.h"
#include "look/look.h"
#include "text/text.h"

/* A file of memory_stats/ and what is to be written to it. */
struct change {
	char path[TTMEM_PATH_SIZE];
	char value[32];
};

struct changes {
	struct change *change;
	size_t count;
	const struct card *card;	/* those that come now are of */
};

static const char * const file_of[2] = { "dram", "l1" };

static void __attribute__((format(printf, 3, 4)))
add(struct changes *to, const char *value, const char *format, ...)
{
	struct change *change;
	va_list args;
	int len;

	to->change = grow(to->change, to->count, sizeof(*change));
	change = &to->change[to->count++];
	len = snprintf(change->path, sizeof(change->path),
		       TTMEM_BOOKS "/", to->card->id.number);
	va_start(args, format);
	vsnprintf(change->path + len, sizeof(change->path) - len, format, args);
	va_end(args);
	/* A whole line, as it is read again. */
	snprintf(change->value, sizeof(change->value), "%s\n", value);
}

/* Parse "dram=12G,l1=100M"; @given tells which are there. */
static bool parse_capacity(const char *text, uint64_t bytes[2], bool given[2],
			   char *why, size_t why_size)
{
	static const char form[] =
		"write it as dram=12G, l1=100M or both with a comma; 0: not known";
	unsigned int memory;
	size_t name, len;
	char size[32];

	given[0] = false;
	given[1] = false;
	for (;; text += len + 1) {
		len = strcspn(text, ",");
		for (memory = 0; memory < 2; memory++) {
			name = strlen(file_of[memory]);
			if (len > name && text[name] == '=' &&
			    ttmem__same(text, file_of[memory], name))
				break;
		}
		if (memory == 2) {
			snprintf(why, why_size, "--set-capacity %.*s: no memory and size; %s",
				 (int)len, text, form);
			return false;
		}
		snprintf(size, sizeof(size), "%.*s", (int)(len - name - 1),
			 text + name + 1);
		if (given[memory] || len - name - 1 >= sizeof(size) ||
		    !ttmem__size(size, &bytes[memory])) {
			snprintf(why, why_size, "--set-capacity %.*s: %s; %s",
				 (int)len, text, given[memory] ?
				 "this memory was told before" : "not a size",
				 form);
			return false;
		}
		given[memory] = true;
		if (!text[len])
			return true;
	}
}

bool change_check(const struct change_args *args, char *why, size_t why_size)
{
	uint64_t bytes[2];
	bool given[2];

	return args->kind != CHANGE_CAPACITY ||
	       parse_capacity(args->capacity, bytes, given, why, why_size);
}

/* Collect what is to be changed of a card, and say so. */
static void plan(struct changes *to, FILE *tell, const struct change_args *args)
{
	const struct card *card = to->card;
	uint64_t bytes[2] = { 0, 0 };
	char value[32], text[2][64];
	size_t chip, first, end;
	unsigned int memory;
	bool given[2];
	char *board;

	first = args->chip >= 0 ? args->chip : 0;
	end = args->chip >= 0 ? first + 1 : card->chips;
	board = printable(*card->board ? card->board : "board not known");
	fprintf(tell, "Card %u (%s, %s)", card->id.number, board, card->id.address);
	free(board);
	switch (args->kind) {
	case CHANGE_CAPACITY:
		parse_capacity(args->capacity, bytes, given, value,
			       sizeof(value));
		for (chip = first; chip < end; chip++) {
			for (memory = 0; memory < 2; memory++) {
				const struct pool *pool =
					&card->chip[chip].pool[memory];

				if (!given[memory])
					continue;
				snprintf(value, sizeof(value), "%" PRIu64,
					 bytes[memory]);
				add(to, value, "chip%zu/%s_total", chip,
				    file_of[memory]);
				fprintf(tell, "\n  chip %zu: capacity of %s from %" PRIu64 " to %s bytes%s",
					chip, memory_names[memory],
					pool->total, value,
					bytes[memory] &&
					bytes[memory] < pool->used ?
					", less than is used" : "");
			}
		}
		break;
	case CHANGE_PEAKS:
		for (memory = 0; memory < 2; memory++) {
			for (chip = first; chip < end; chip++)
				add(to, "0", "chip%zu/%s_peak", chip,
				    file_of[memory]);
			if (args->chip < 0)
				add(to, "0", "%s_peak", file_of[memory]);
		}
		if (args->chip >= 0)
			fprintf(tell, ", chip %d", args->chip);
		fputs(": the peaks start again at what is used now", tell);
		break;
	case CHANGE_INVALIDATE:
		add(to, "1", "invalidate");
		format_bytes(text[0], sizeof(text[0]),
			     card->sum.pool[TTMEM_DRAM].used, 20);
		format_bytes(text[1], sizeof(text[1]),
			     card->sum.pool[TTMEM_L1].used, 20);
		fprintf(tell, ": all books go to 0. %" PRIu64 " client%s with DRAM %s and L1 %s: every call of theirs fails until they open the card again",
			card->sum.clients,
			card->sum.clients == 1 ? "" : "s", text[0], text[1]);
		break;
	}
	fputc('\n', tell);
}

/* Where nobody can be asked, only -y is an answer: a script may not mean it. */
static bool agreed(const char *plan_text)
{
	char answer[16];

	fputs(plan_text, stderr);
	if (!isatty(STDIN_FILENO)) {
		fputs("ttmem-smi: standard input is no terminal, so nobody can be asked. Do it with -y\n",
		      stderr);
		return false;
	}
	fputs("Do it? [y/N] ", stderr);
	if (!fgets(answer, sizeof(answer), stdin)) {
		fputc('\n', stderr);
		return false;
	}
	return ttmem__same(answer, "y\n", SIZE_MAX) ||
	       ttmem__same(answer, "yes\n", SIZE_MAX);
}

static int fail(const char *path, int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		fputs("ttmem-smi: not permitted: only root may change this. Run it with sudo\n",
		      stderr);
		return EXIT_PERMISSION;
	case EROFS:
		fputs("ttmem-smi: not permitted: sysfs is read-only here, as in most containers. Run it on the host\n",
		      stderr);
		return EXIT_PERMISSION;
	case ENOENT:
	case ENODEV:
		say("the card went away meanwhile: there is no %s any more", path);
		return EXIT_NOT_FOUND;
	case ERANGE:
		fputs("ttmem-smi: the module takes no capacity above 4 TiB\n",
		      stderr);
		return EXIT_FAILED;
	default:
		say("cannot write %s: %s", path, strerror(error));
		return EXIT_FAILED;
	}
}

static int write_value(const struct change *change)
{
	ssize_t done;
	int fd, error;

	fd = open(change->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return errno;
	done = write(fd, change->value, strlen(change->value));
	error = done < 0 ? errno : 0;
	close(fd);
	return error;
}

/* Do all of it; nobody is asked what he may not do anyway. */
static int change_all(FILE *out, const struct changes *changes,
		      const char *plan_text, bool ask)
{
	size_t i;

	for (i = 0; i < changes->count; i++)
		if (faccessat(AT_FDCWD, changes->change[i].path, W_OK,
			      AT_EACCESS))
			return fail(changes->change[i].path, errno);
	if (ask && !agreed(plan_text)) {
		fputs("ttmem-smi: nothing was changed\n", stderr);
		return EXIT_FAILED;
	}
	for (i = 0; i < changes->count; i++) {
		int error = write_value(&changes->change[i]);

		if (error)
			return fail(changes->change[i].path, error);
	}
	if (!ask)
		fputs(plan_text, out);
	fputs("Done.\n", out);
	return EXIT_OK;
}

int change_cards(FILE *out, const struct want *want,
		 const struct change_args *args)
{
	struct changes changes = { 0 };
	char *text = NULL;
	size_t size, i;
	struct snapshot snap;
	int status;
	FILE *tell;

	status = snapshot_take(&snap, want);
	if (status)
		say("%s", snap.why);
	for (i = 0; !status && i < snap.cards; i++) {
		const struct card *card = &snap.card[i];

		if (!card->chips || args->chip >= (int)card->chips) {
			say("card %u has %s",
			    card->id.number, card->chips ?
			    "no such chip: they are counted from 0" :
			    "no books: ttmem does not follow it");
			status = EXIT_NOT_FOUND;
		}
	}
	if (status)
		goto out;

	tell = open_memstream(&text, &size);
	if (!tell)
		out_of_memory();
	for (i = 0; i < snap.cards; i++) {
		changes.card = &snap.card[i];
		plan(&changes, tell, args);
	}
	if (fclose(tell))
		out_of_memory();
	status = change_all(out, &changes, text, !args->yes);
	free(text);
out:
	free(changes.change);
	snapshot_free(&snap);
	return status;
}
