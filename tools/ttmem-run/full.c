// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a pool has no room, and who holds it. A file that was inherited holds on when
 * its process has ended, and no list has a number for that; so who has it open is
 * looked for.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* So many are named. */
#define HOLDERS		5

/**
 * struct holder - who holds something of the pool
 * @pid: the process, 0 if it is not known
 * @client: its client
 * @uid: its user
 * @bytes: what it holds
 * @name: its name
 */
struct holder {
	pid_t pid;
	uint64_t client;
	uid_t uid;
	uint64_t bytes;
	const char *name;
};

void size_text(char *text, size_t size, uint64_t bytes)
{
	static const char * const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double in_unit = bytes;
	unsigned int unit = 0;

	while (in_unit >= 1024 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		in_unit /= 1024;
		unit++;
	}
	if (!(bytes & ((1ull << (10 * unit)) - 1)))
		snprintf(text, size, "%llu %s",
			 (unsigned long long)(bytes >> (10 * unit)), units[unit]);
	else
		snprintf(text, size, "%.2f %s (%llu bytes)", in_unit, units[unit],
			 (unsigned long long)bytes);
}

/* Text that others have chosen, for a line of text. */
static void print_name(const char *name)
{
	for (; *name; name++)
		fputc(*name < ' ' || *name > '~' ? '?' : *name, stderr);
}

static int by_bytes(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Add up the pool's part of the list, the largest first. */
static struct holder *find_holders(const struct ttmem_client *list, size_t count,
				   const struct ttmem_info *pool, size_t *found)
{
	struct holder *holders = calloc(count + 1, sizeof(*holders)), *h = NULL;
	size_t i;

	if (!holders)
		die("%s", ttmem_strerror(-ENOMEM));
	*found = 0;
	for (i = 0; i < count; i++) {
		const struct ttmem_client *c = &list[i];

		if (c->card != pool->card || c->chip != pool->chip ||
		    c->memory != pool->memory || !c->bytes || c->client == pool->client)
			continue;
		/* The lines of a client stand together. */
		if (!h || h->client != c->client)
			h = &holders[(*found)++];
		h->pid = c->pid;
		h->client = c->client;
		h->uid = c->uid;
		h->name = c->command;
		if (__builtin_add_overflow(h->bytes, c->bytes, &h->bytes))
			h->bytes = UINT64_MAX;
	}
	qsort(holders, *found, sizeof(*holders), by_bytes);
	return holders;
}

/* Whether a descriptor of a process is that client's file. */
static bool is_client(unsigned int pid, unsigned int fd, uint64_t client)
{
	char path[TTMEM_PATH_SIZE], target[sizeof("/dev/")] = "", *text;
	const char *line;
	bool found = false;

	snprintf(path, sizeof(path), TTMEM_PROC "/%u/fd/%u", pid, fd);
	/* Of other files nothing is asked: a file system may not answer. */
	if (readlink(path, target, sizeof(target) - 1) < 0 || strcmp(target, "/dev/"))
		return false;
	snprintf(path, sizeof(path), TTMEM_PROC "/%u/fdinfo/%u", pid, fd);
	if (ttmem__read_file(path, &text, NULL))
		return false;
	line = strstr(text, "\nttmem-client-id:\t");
	if (line)
		found = strtoull(strchr(line, '\t'), NULL, 10) == client;
	free(text);
	return found;
}

static bool has_client(unsigned int pid, uint64_t client)
{
	char path[TTMEM_PATH_SIZE];
	const struct dirent *entry;
	bool found = false;
	uint64_t fd;
	DIR *dir;

	snprintf(path, sizeof(path), TTMEM_PROC "/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = ttmem__number(entry->d_name, INT32_MAX, &fd) &&
			is_client(pid, fd, client);
	closedir(dir);
	return found;
}

/* Who has a client's file open; 0 if that may not be seen. */
static pid_t find_inheritor(uint64_t client, char *name, size_t size)
{
	char path[TTMEM_PATH_SIZE];
	const struct dirent *entry;
	uint64_t number, pid = 0;
	DIR *dir;

	dir = opendir(TTMEM_PROC);
	if (!dir)
		return 0;
	while (!pid && (entry = readdir(dir)))
		if (ttmem__number(entry->d_name, INT32_MAX, &number) &&
		    has_client(number, client))
			pid = number;
	closedir(dir);
	snprintf(path, sizeof(path), TTMEM_PROC "/%llu/comm", (unsigned long long)pid);
	if (!pid || ttmem__read_line(path, name, size))
		*name = '\0';
	return pid;
}

static void print_holder(const struct holder *holder)
{
	const struct passwd *pw = getpwuid(holder->uid);
	const char *name = holder->name;
	bool inherited = !holder->pid;
	pid_t pid = holder->pid;
	char text[64];

	size_text(text, sizeof(text), holder->bytes);
	fprintf(stderr, "  %s: ", text);
	if (inherited) {
		name = text;
		pid = find_inheritor(holder->client, text, sizeof(text));
	}
	if (pid) {
		fprintf(stderr, "process %d (", pid);
		print_name(name);
		fputc(')', stderr);
	} else {
		fputs("a process that is not visible from here", stderr);
	}
	if (pw)
		fprintf(stderr, " of %s", pw->pw_name);
	else
		fprintf(stderr, " of user %u", holder->uid);
	fputs(inherited && pid ? ", whose file is from a process that has ended\n" : "\n", stderr);
}

static void print_holders(const struct ttmem_info *pool)
{
	struct ttmem_client *list;
	struct holder *holders;
	uint64_t rest = 0;
	size_t count, i;
	char text[64];
	int ret;

	ret = ttmem_clients(&list, &count, sizeof(*list));
	if (ret) {
		tell("who holds the rest is not known: %s", ttmem_strerror(ret));
		return;
	}
	holders = find_holders(list, count, pool, &count);
	for (i = 0; i < count; i++) {
		if (i < HOLDERS)
			print_holder(&holders[i]);
		else if (__builtin_add_overflow(rest, holders[i].bytes, &rest))
			rest = UINT64_MAX;
	}
	size_text(text, sizeof(text), rest);
	if (count > HOLDERS)
		fprintf(stderr, "  %s: %zu more; ttmem-smi shows them\n", text,
			count - HOLDERS);
	free(holders);
	ttmem_list_free(list);
}

void tell_full(struct ttmem_card *card, unsigned int chip,
	       enum ttmem_memory memory, uint64_t size)
{
	struct ttmem_info info = { .chip = chip, .memory = memory };
	const char *name = memory == TTMEM_DRAM ? "DRAM" : "L1";
	char asked[64], free_text[64], total[64];
	int number = ttmem_card_number(card);
	uint64_t left;

	size_text(asked, sizeof(asked), size);
	if (ttmem_info(card, &info, sizeof(info))) {
		tell("card %d, chip %u: %s of %s were asked for, and so much is not free",
		     number, chip, asked, name);
		return;
	}
	left = info.total > info.used ? info.total - info.used : 0;
	size_text(free_text, sizeof(free_text), left);
	size_text(total, sizeof(total), info.total);
	if (size > info.total) {
		tell("card %d, chip %u: %s of %s were asked for, and it has %s",
		     number, chip, asked, name, total);
		return;
	}
	if (left >= size) {
		tell("card %d, chip %u: %s of %s were asked for and were not free; by now %s are",
		     number, chip, asked, name, free_text);
		return;
	}
	tell("card %d, chip %u: %s of %s were asked for, and %s of %s are free. The rest is held by",
	     number, chip, asked, name, free_text, total);
	print_holders(&info);
}
