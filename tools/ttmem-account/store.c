// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log: two files of lines of JSON, the older one and the one that is written. When
 * that has a quarter of what the log may have, it is added to the older one; and what is
 * too much then is taken from those who have most, the oldest lines first. So whoever has
 * fewer lines than others loses none to them, and who has the log for himself may fill
 * it. A line tells how many were dropped of whom.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "account.h"

/* Most that one line may take: two names, each byte of them as six. */
#define LINE_SIZE	8192
/* A line that tells of dropped ones takes no more. */
#define LEFT_OUT_SIZE	192
/* What is no user's is counted as one's: the service's own lines. */
#define SERVICE		((uint64_t)UINT32_MAX + 1)
/*
 * For so many bytes there is one share of the log. Who comes when all are taken is one
 * with all others who do: root in a container may take any user id, and ever new ones
 * with a line each would push out everybody who has two.
 */
#define SHARE_BYTES	8192

struct totals totals;

static uint64_t log_bytes;
static uint64_t written;
static int log_fd = -1;
/* Lines that could not be written, as the disk is full. */
static uint64_t unwritten;

static void add_log(int *fd, uint64_t *size);

/*
 * Text of others as a string of JSON; what is not UTF-8 becomes a question mark. The log is
 * looked at on terminals, so what they obey is escaped, in all of Unicode.
 */
static char *put_text(char *to, const char *text)
{
	*to++ = '"';
	while (*text) {
		unsigned char c = *text;
		size_t len = ttmem__utf8_length(text);

		if (!len) {
			*to++ = '?';
			text++;
		} else if (c < ' ' || c == 0x7f) {
			to += sprintf(to, "\\u%04x", c);
			text++;
		} else if (c == 0xc2 && (unsigned char)text[1] < 0xa0) {
			to += sprintf(to, "\\u%04x", (unsigned char)text[1]);
			text += 2;
		} else {
			if (c == '"' || c == '\\')
				*to++ = '\\';
			to = mempcpy(to, text, len);
			text += len;
		}
	}
	*to++ = '"';
	*to = '\0';
	return to;
}

/* ns since boot as seconds since 1970, to the millisecond. */
static char *put_time(char *to, uint64_t boot)
{
	struct timespec wall;
	uint64_t now, ms;

	clock_gettime(CLOCK_REALTIME, &wall);
	now = wall.tv_sec * NSEC_PER_SEC + wall.tv_nsec;
	/* The clock may have been set back behind it. */
	ms = now_ns() - boot > now ? 0 : (now - (now_ns() - boot)) / NSEC_PER_MSEC;
	return to + sprintf(to, "%" PRIu64 ".%03" PRIu64, ms / 1000, ms % 1000);
}

/* Write a line, or nothing of it. */
static bool write_line(const char *line, size_t len)
{
	ssize_t done = write(log_fd, line, len);

	if (done == (ssize_t)len) {
		written += len;
		return true;
	}
	if (done >= 0) {
		if (done > 0 && ftruncate(log_fd, written))
			say("%s: %s", ACCOUNT_LOG, strerror(errno));
		errno = ENOSPC;
	}
	return false;
}

static void add_line(const char *line, size_t len)
{
	char lost[LEFT_OUT_SIZE], *to;
	static uint64_t told, again;
	uint64_t begin = now_ns();

	if (log_fd < 0 && begin >= again) {
		add_log(&log_fd, &written);
		/* To try with a large log takes seconds, and most of the time is the events'. */
		again = begin + NSEC_PER_SEC + 10 * (now_ns() - begin);
	}
	if (log_fd >= 0 && unwritten) {
		to = lost + sprintf(lost, "{\"event\":\"lost\",\"lines\":%" PRIu64 ",\"time\":",
				    unwritten);
		to = put_time(to, now_ns());
		to += sprintf(to, "}\n");
		if (write_line(lost, to - lost))
			unwritten = 0;
	}
	if (log_fd >= 0 && !unwritten && write_line(line, len)) {
		if (written >= log_bytes / 4)
			add_log(&log_fd, &written);
		return;
	}
	unwritten++;
	totals.unwritten++;
	if (!told || now_ns() - told >= 60 * NSEC_PER_SEC) {
		told = now_ns();
		say("cannot write to " ACCOUNT_LOG ": %s. Lines are lost and counted until that is mended",
		    strerror(errno));
	}
}

void store_client(const struct event *event, const char *cgroup)
{
	const struct card *card = card_of(event->card);
	static char line[LINE_SIZE];
	char *to = line;

	/* Whose it is stands first: it is looked for again and again, see count_line(). */
	to += sprintf(to, "{\"event\":\"client\",\"uid\":%u,\"card\":%u,\"bus_id\":", event->uid,
		      event->card);
	to = put_text(to, card->address);
	to += sprintf(to, ",\"board\":");
	to = put_text(to, card->board);
	to += sprintf(to, ",\"serial\":");
	to = put_text(to, card->serial);
	to += sprintf(to, ",\"asic_id\":");
	to = put_text(to, card->asic);
	to += sprintf(to, ",\"client\":%" PRIu64 ",\"pid\":%d,\"command\":", event->client,
		      event->pid);
	to = put_text(to, event->command);
	to += sprintf(to, ",\"cgroup\":");
	to = put_text(to, cgroup);
	to += sprintf(to, ",\"begin\":");
	to = put_time(to, event->begin);
	to += sprintf(to, ",\"end\":");
	to = put_time(to, event->end);
	to += sprintf(to, ",\"chip0_dram_peak\":%" PRIu64 ",\"chip0_l1_peak\":%" PRIu64
		      ",\"chip1_dram_peak\":%" PRIu64 ",\"chip1_l1_peak\":%" PRIu64 "}\n",
		      event->peak[0][TTMEM_DRAM], event->peak[0][TTMEM_L1],
		      event->peak[1][TTMEM_DRAM], event->peak[1][TTMEM_L1]);
	add_line(line, to - line);
	totals.clients++;
}

/* Who is meant by a key, behind "uid"; null for all those who have none. */
static char *put_uid(char *to, uint64_t key)
{
	return to + (key < USER_OTHERS ? sprintf(to, "%" PRIu64, key) : sprintf(to, "null"));
}

void store_left_out(uint32_t uid, uint64_t count, uint64_t begin, uint64_t end)
{
	char line[LEFT_OUT_SIZE], *to = line;

	to += sprintf(to, "{\"event\":\"left_out\",\"uid\":");
	to = put_uid(to, uid);
	to += sprintf(to, ",\"clients\":%" PRIu64 ",\"begin\":", count);
	to = put_time(to, begin);
	to += sprintf(to, ",\"end\":");
	to = put_time(to, end);
	to += sprintf(to, "}\n");
	add_line(line, to - line);
}

void store_lost(uint64_t events)
{
	char line[LEFT_OUT_SIZE], *to = line;

	to += sprintf(to, "{\"event\":\"lost\",\"events\":%" PRIu64 ",\"time\":", events);
	to = put_time(to, now_ns());
	to += sprintf(to, "}\n");
	add_line(line, to - line);
	totals.lost += events;
}

void store_mark(const char *what)
{
	char line[LEFT_OUT_SIZE], *to = line;

	to += sprintf(to, "{\"event\":\"%s\",\"time\":", what);
	to = put_time(to, now_ns());
	to += sprintf(to, ",\"version\":\"" TTMEM_VERSION "\"}\n");
	add_line(line, to - line);
}

/* What one user has in the log, and how much of that is to go. */
struct share {
	uint64_t key;
	uint64_t bytes;
	uint64_t drop;
	uint64_t dropped;	/* clients in the lines that were dropped */
	double begin, end;	/* of them */
};

static struct share *shares;
static size_t share_count, shares_used, shares_max;
/* Lost events and lines of lines that are dropped themselves. */
static uint64_t lost_events, lost_lines;

/* By hash, in a table that is at most half full. */
static struct share *find_share(uint64_t key)
{
	size_t mask = share_count - 1, i = (key * 0x9e3779b97f4a7c15ull >> 32) & mask;

	while (shares[i].bytes && shares[i].key != key)
		i = (i + 1) & mask;
	return &shares[i];
}

static void make_shares(size_t count)
{
	shares = calloc(count, sizeof(*shares));
	if (!shares)
		out_of_memory();
	share_count = count;
}

static void add_bytes(uint64_t key, size_t bytes)
{
	struct share *share, *old = shares;
	size_t count = share_count, i;

	if (2 * shares_used >= share_count) {
		make_shares(2 * share_count);
		for (i = 0; i < count; i++)
			if (old[i].bytes)
				*find_share(old[i].key) = old[i];
		free(old);
	}
	share = find_share(key);
	if (!share->bytes && shares_used >= shares_max && key != SERVICE) {
		key = USER_OTHERS;
		share = find_share(key);
	}
	shares_used += !share->bytes;
	share->key = key;
	share->bytes += bytes;
}

/* The share that add_bytes() has found for a key. */
static struct share *share_of(uint64_t key)
{
	struct share *share = find_share(key);

	return share->bytes ? share : find_share(USER_OTHERS);
}

/* Whose line it is. They are our own, so they look as we write them. */
static uint64_t line_key(const char *line)
{
	unsigned int uid;

	if (sscanf(line, "{\"event\":\"%*[a-z_]\",\"uid\":%u", &uid) == 1)
		return user_key(uid);
	return strncmp(line, "{\"event\":\"left_out\"", 19) ? SERVICE : USER_OTHERS;
}

static double number_of(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtod(at + strlen(name), NULL) : 0;
}

/* Note what a line told that is dropped. Names stand in front of all of it. */
static void note_dropped(struct share *share, const char *line)
{
	const char *numbers = strstr(line, ",\"begin\":");
	double begin, end;

	lost_events += number_of(line, "{\"event\":\"lost\",\"events\":");
	lost_lines += number_of(line, "{\"event\":\"lost\",\"lines\":");
	/* In a name a quotation mark has a backslash before it, so this is none. */
	if (!numbers)
		return;
	begin = number_of(numbers, "\"begin\":");
	end = number_of(numbers, "\"end\":");
	if (!share->dropped || begin < share->begin)
		share->begin = begin;
	if (end > share->end)
		share->end = end;
	share->dropped += !strncmp(line, "{\"event\":\"left_out\"", 19) ?
			  number_of(line, ",\"clients\":") : 1;
}

static int by_bytes(const void *a, const void *b)
{
	const struct share *const *x = a, *const *y = b;

	return (*x)->bytes < (*y)->bytes ? -1 : (*x)->bytes > (*y)->bytes;
}

/* Say how much of whom is to go, so that @bytes remain. */
static void divide(uint64_t bytes)
{
	struct share **order = calloc(share_count, sizeof(*order));
	size_t i, count = 0;
	uint64_t level;

	if (!order)
		out_of_memory();
	for (i = 0; i < share_count; i++)
		if (shares[i].bytes)
			order[count++] = &shares[i];
	qsort(order, count, sizeof(*order), by_bytes);
	for (i = 0; i < count; i++) {
		level = bytes / (count - i);
		if (order[i]->bytes > level) {
			/* All others have as much as this one or more. */
			for (; i < count; i++) {
				uint64_t keep = level > LEFT_OUT_SIZE ? level - LEFT_OUT_SIZE : 0;

				order[i]->drop = order[i]->bytes - keep;
			}
			break;
		}
		bytes -= order[i]->bytes;
	}
	free(order);
}

/* Call @line for each whole line of a file; a cut off one at its end is left out. */
static int each_line(const char *path, void (*line)(char *line, size_t len, void *arg), void *arg)
{
	size_t size = 0;
	char *text = NULL;
	ssize_t len;
	FILE *file;
	int ret;

	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while ((len = getline(&text, &size, file)) > 0)
		if (text[len - 1] == '\n')
			line(text, len, arg);
	/* It may also have been short of memory. */
	ret = ferror(file) || !feof(file) ? -EIO : 0;
	free(text);
	fclose(file);
	return ret;
}

static void count_line(char *line, size_t len, void *arg)
{
	*(uint64_t *)arg += len;
	add_bytes(line_key(line), len);
}

static void drop_line(char *line, size_t len, void *arg)
{
	struct share *share = share_of(line_key(line));

	(void)arg;
	if (!share->drop)
		return;
	share->drop -= share->drop < len ? share->drop : len;
	note_dropped(share, line);
}

/* The same decisions as in drop_line(), for what stays. */
static void keep_line(char *line, size_t len, void *arg)
{
	struct share *share = share_of(line_key(line));

	if (share->drop) {
		share->drop -= share->drop < len ? share->drop : len;
		return;
	}
	fwrite(line, 1, len, arg);
}

static void write_dropped(FILE *out)
{
	char uid[24];
	size_t i;

	for (i = 0; i < share_count; i++) {
		const struct share *s = &shares[i];

		if (!s->dropped)
			continue;
		put_uid(uid, s->key);
		fprintf(out, "{\"event\":\"left_out\",\"uid\":%s,\"clients\":%" PRIu64
			",\"begin\":%.3f,\"end\":%.3f}\n", uid, s->dropped, s->begin, s->end);
	}
	if (lost_events)
		fprintf(out, "{\"event\":\"lost\",\"events\":%" PRIu64 "}\n", lost_events);
	if (lost_lines)
		fprintf(out, "{\"event\":\"lost\",\"lines\":%" PRIu64 "}\n", lost_lines);
}

/*
 * End a merge that was ended from outside: it removes the full one as soon as all of
 * the new older one is on the disk, so that is whole if the full one is gone.
 */
static int merge_end(void)
{
	if (!access(ACCOUNT_FULL, F_OK))
		return 0;
	return rename(ACCOUNT_NEW, ACCOUNT_OLDER) && errno != ENOENT ? -errno : 0;
}

/* Older and full one into a new older one, of at most @bytes. */
static int merge(uint64_t bytes)
{
	struct share *copy = NULL;
	uint64_t size = 0;
	int fd, ret;
	FILE *out;

	lost_events = 0;
	lost_lines = 0;
	shares_used = 0;
	shares_max = bytes / SHARE_BYTES;
	make_shares(64);
	ret = each_line(ACCOUNT_OLDER, count_line, &size);
	ret = ret ? ret : each_line(ACCOUNT_FULL, count_line, &size);
	if (ret)
		goto free;
	if (size > bytes)
		divide(bytes);
	copy = calloc(share_count, sizeof(*shares));
	if (!copy)
		out_of_memory();
	memcpy(copy, shares, share_count * sizeof(*shares));

	unlink(ACCOUNT_NEW);
	fd = open(ACCOUNT_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out) {
		ret = -errno;
		goto free;
	}
	ret = each_line(ACCOUNT_OLDER, drop_line, NULL);
	ret = ret ? ret : each_line(ACCOUNT_FULL, drop_line, NULL);
	write_dropped(out);
	memcpy(shares, copy, share_count * sizeof(*shares));
	ret = ret ? ret : each_line(ACCOUNT_OLDER, keep_line, out);
	ret = ret ? ret : each_line(ACCOUNT_FULL, keep_line, out);
	if (!ret && (ferror(out) || fflush(out) || fsync(fd)))
		ret = -errno;
	if (fclose(out) && !ret)
		ret = -errno;
	if (!ret && unlink(ACCOUNT_FULL))
		ret = -errno;
	if (ret)
		unlink(ACCOUNT_NEW);
	else
		ret = merge_end();
free:
	free(shares);
	free(copy);
	return ret;
}

static int open_log(uint64_t *size)
{
	int fd = open(ACCOUNT_LOG, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	struct stat st;
	char last;

	if (fd < 0 || fstat(fd, &st)) {
		say(ACCOUNT_LOG ": %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*size = st.st_size;
	/* What a crash has cut off stays a line of its own. */
	if (*size && pread(fd, &last, 1, *size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) == 1)
		++*size;
	return fd;
}

/* Add the file that is written to the older one, and begin it anew. */
static void add_log(int *fd, uint64_t *size)
{
	int ret;

	/* What was left by a crash goes first. */
	ret = merge_end();
	if (!ret && !access(ACCOUNT_FULL, F_OK))
		ret = merge(log_bytes / 4 * 3);
	if (!ret && rename(ACCOUNT_LOG, ACCOUNT_FULL) && errno != ENOENT)
		ret = -errno;
	if (!ret && !access(ACCOUNT_FULL, F_OK))
		ret = merge(log_bytes / 4 * 3);
	if (ret)
		say("cannot add " ACCOUNT_LOG " to " ACCOUNT_OLDER ": %s", strerror(-ret));
	if (*fd >= 0)
		close(*fd);
	*size = 0;
	*fd = open_log(size);
	if (ret && *fd >= 0 && *size >= log_bytes / 4) {
		/* Better not more than there may be: what comes now is counted. */
		errno = -ret;
		close(*fd);
		*fd = -1;
	}
}

bool store_open(uint64_t bytes)
{
	log_bytes = bytes;
	if (mkdir(TTMEM_LOG, 0750) && errno != EEXIST) {
		say(TTMEM_LOG ": %s", strerror(errno));
		return false;
	}
	log_fd = open_log(&written);
	if (log_fd >= 0 && (written >= log_bytes / 4 || !access(ACCOUNT_FULL, F_OK) ||
			    !access(ACCOUNT_NEW, F_OK)))
		add_log(&log_fd, &written);
	return log_fd >= 0;
}
