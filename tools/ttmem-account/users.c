// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much each user may write into the log. Whoever opens and closes a card as quickly
 * as he can is not to make the disk write all the time: beyond so many lines a minute
 * his clients are counted, and one line tells how many there were.
 *
 * Who is one user: in a user namespace a user may have 65536 ids, those that /etc/subuid
 * gives him. They are taken for one, or he would be many.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "account.h"

#ifndef TTMEM_SUBUID
#define TTMEM_SUBUID	"/etc/subuid"
#endif

#define BUCKETS		1024
/* Beyond so many, there is one for all others. */
#define USERS_MAX	4096
#define RANGES_MAX	65536
#define MINUTE		(60 * NSEC_PER_SEC)
/* So many minutes' lines at once. */
#define BURST		10

static struct user *table[BUCKETS];
static unsigned int count;
static uint64_t per_minute = 600;

struct range {
	uint32_t first;
	uint32_t count;
	uint32_t key;
	char name[33];
};

static struct range *ranges;
static size_t range_count;

void users_limit(unsigned long lines)
{
	per_minute = lines;
}

static void read_range(char *line)
{
	char *first = strchr(line, ':'), *many = first ? strchr(first + 1, ':') : NULL;
	uint64_t from, size;
	struct range *range;
	size_t i;

	if (!many || range_count == RANGES_MAX)
		return;
	*first++ = '\0';
	*many++ = '\0';
	if (!ttmem__number(first, UINT32_MAX, &from) || !ttmem__number(many, UINT32_MAX, &size))
		return;
	if (!(range_count & (range_count - 1))) {
		ranges = realloc(ranges, (range_count ? 2 * range_count : 1) * sizeof(*ranges));
		if (!ranges)
			out_of_memory();
	}
	range = &ranges[range_count];
	range->first = from;
	range->count = size;
	range->key = from;
	snprintf(range->name, sizeof(range->name), "%s", line);
	/* All of one name have the key of its first. */
	for (i = 0; i < range_count; i++)
		if (!strcmp(ranges[i].name, range->name)) {
			range->key = ranges[i].key;
			break;
		}
	range_count++;
}

void users_read_subuid(void)
{
	static struct timespec last;
	char *text, *line, *rest;
	struct stat st;
	int ret;

	if (stat(TTMEM_SUBUID, &st))
		memset(&st, 0, sizeof(st));
	if (st.st_mtim.tv_sec == last.tv_sec && st.st_mtim.tv_nsec == last.tv_nsec)
		return;
	/* What could not be read is no list without entries: what it was stays. */
	ret = ttmem__read_file(TTMEM_SUBUID, &text, NULL);
	if (ret && ret != -ENOENT)
		return;
	last = st.st_mtim;
	range_count = 0;
	free(ranges);
	ranges = NULL;
	if (ret)
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		read_range(line);
	free(text);
}

uint32_t user_key(uid_t uid)
{
	size_t i;

	for (i = 0; i < range_count; i++)
		if (uid >= ranges[i].first && uid - ranges[i].first < ranges[i].count)
			return ranges[i].key;
	return uid;
}

static uint64_t full(void)
{
	return BURST * per_minute * 1000;
}

static void fill(struct user *user, uint64_t now)
{
	/* No longer than fills it, or the product would not fit. */
	uint64_t passed = now - user->filled, more;

	if (passed > BURST * MINUTE)
		passed = BURST * MINUTE;
	more = passed / NSEC_PER_MSEC * per_minute / 60;
	/* What is less than a thousandth of a line is waited for. */
	if (!more)
		return;
	user->filled = now;
	user->lines += more;
	if (user->lines > full())
		user->lines = full();
}

/* Forget those of whom there is nothing to be known. */
static void forget(uint64_t now)
{
	struct user **at, *user;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		for (at = &table[i]; (user = *at); ) {
			fill(user, now);
			if (user->processes || user->left_out || user->lines < full()) {
				at = &user->next;
				continue;
			}
			*at = user->next;
			free(user);
			count--;
		}
	}
}

static struct user *find(uint32_t key)
{
	struct user *user;

	for (user = table[key % BUCKETS]; user && user->key != key; user = user->next)
		;
	return user;
}

struct user *user_of(uid_t uid, uint64_t now)
{
	static uint64_t forgotten;
	uint32_t key = user_key(uid);
	struct user *user = find(key);

	if (user)
		return user;
	/* Not more often than once a second, however many want to be one. */
	if (count >= USERS_MAX && now - forgotten >= NSEC_PER_SEC) {
		forgotten = now;
		forget(now);
	}
	if (count >= USERS_MAX && key != USER_OTHERS)
		return user_of(USER_OTHERS, now);
	user = calloc(1, sizeof(*user));
	if (!user)
		out_of_memory();
	user->key = key;
	user->lines = full();
	user->filled = now;
	user->next = table[key % BUCKETS];
	table[key % BUCKETS] = user;
	count++;
	return user;
}

bool user_may_write(struct user *user, uint64_t now)
{
	fill(user, now);
	if (user->lines < 1000)
		return false;
	user->lines -= 1000;
	return true;
}

void user_leave_out(struct user *user, uint64_t begin, uint64_t end, uint64_t now)
{
	if (!user->left_out++) {
		user->left_out_since = now;
		user->left_out_begin = begin;
		user->left_out_end = end;
	}
	if (begin < user->left_out_begin)
		user->left_out_begin = begin;
	if (end > user->left_out_end)
		user->left_out_end = end;
	totals.left_out++;
}

void users_tell(uint64_t now, bool all)
{
	struct user *user;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		for (user = table[i]; user; user = user->next) {
			if (!user->left_out || (!all && now - user->left_out_since < MINUTE))
				continue;
			store_left_out(user->key, user->left_out, user->left_out_begin,
				       user->left_out_end);
			if (user->key == USER_OTHERS)
				say("%" PRIu64 " clients of users who have too many ids were left out of the log",
				    user->left_out);
			else
				say("%" PRIu64 " clients of user %u, who had too many, were left out of the log",
				    user->left_out, user->key);
			user->left_out = 0;
		}
	}
}
