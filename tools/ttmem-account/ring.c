// SPDX-License-Identifier: GPL-2.0-only
/*
 * An instance of tracefs of our own: whoever traces on the machine is not disturbed, and
 * does not disturb. It goes with the service, unless that is killed: then the kernel goes
 * on recording, and the next one reads what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"

#define TRACEFS		TTMEM_SYSFS "/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/ttmem-account"

#define PROCESSORS_MAX	8192

/* A processor that there may be, and its buffer. */
struct processor {
	unsigned int number;
	int fd;
	uint64_t overrun;	/* as it was told last */
};

static struct page_layout page_layout;
static struct event_layout event_layout[EVENT_KINDS];
static struct processor *processors;
static struct pollfd *polled;
static size_t processor_count;
static void *page;
static size_t page_size;
/* So many pages may be read of one processor at once: what its buffer holds. */
static size_t pages_max;
static bool recording;

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	return !close(fd) && ok;
}

static bool set(const char *name, const char *text)
{
	char path[TTMEM_PATH_SIZE];

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	if (write_file(path, text))
		return true;
	say("%s: cannot write %s: %s", path, text, strerror(errno));
	return false;
}

static bool make_instance(void)
{
	struct stat st;

	if (!mkdir(INSTANCE, 0700) || errno == EEXIST)
		return true;
	if (errno == ENOENT && (stat(TRACEFS, &st) || stat(TRACEFS "/instances", &st)))
		say(TRACEFS ": the kernel's tracing is not there. mount -t tracefs none /sys/kernel/tracing brings it");
	else if (errno == EACCES || errno == EPERM)
		say(INSTANCE ": %s. It takes root, and a kernel that is not locked down for confidentiality",
		    strerror(errno));
	else
		say(INSTANCE ": %s", strerror(errno));
	return false;
}

/* A clock that /proc and the module's own times can be compared with. Setting it anew
 * would drop what is there.
 */
static bool set_clock(void)
{
	char *text;
	bool is_set;

	if (ttmem__read_file(INSTANCE "/trace_clock", &text, NULL)) {
		say(INSTANCE "/trace_clock: %s", strerror(errno));
		return false;
	}
	is_set = strstr(text, "[boot]");
	free(text);
	return is_set || set("trace_clock", "boot");
}

/* What the kernel counts of a processor as overwritten; as before if it does not say. */
static uint64_t read_overrun(const struct processor *p)
{
	uint64_t overrun = p->overrun;
	char path[TTMEM_PATH_SIZE], *text, *at;

	snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%u/stats", p->number);
	if (ttmem__read_file(path, &text, NULL))
		return overrun;
	at = strncmp(text, "overrun: ", 9) ? strstr(text, "\noverrun: ") : text;
	if (at)
		sscanf(at + (*at == '\n'), "overrun: %" SCNu64, &overrun);
	free(text);
	return overrun;
}

static bool open_processors(void)
{
	char path[TTMEM_PATH_SIZE];
	unsigned int n;
	int fd;

	/* Numbers may have gaps, but none before the first. */
	for (n = 0; n < PROCESSORS_MAX; n++) {
		struct processor *p;

		snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%u/trace_pipe_raw", n);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0) {
			if (errno == ENOENT && n >= (unsigned int)sysconf(_SC_NPROCESSORS_CONF))
				break;
			if (errno == ENOENT)
				continue;
			say("%s: %s", path, strerror(errno));
			return false;
		}
		processors = reallocarray(processors, processor_count + 1, sizeof(*processors));
		polled = reallocarray(polled, processor_count + 1, sizeof(*polled));
		if (!processors || !polled)
			out_of_memory();
		p = &processors[processor_count];
		*p = (struct processor) { .number = n, .fd = fd };
		p->overrun = read_overrun(p);
		polled[processor_count++] = (struct pollfd) { .fd = fd, .events = POLLIN };
	}
	if (!processor_count)
		say(INSTANCE "/per_cpu: no processor has a buffer there");
	return processor_count;
}

bool ring_open(unsigned long kib)
{
	char *text, number[32];

	if (!make_instance())
		return false;
	if (ttmem__read_file(INSTANCE "/events/header_page", &text, NULL)) {
		say(INSTANCE "/events/header_page: cannot be read");
		return false;
	}
	if (!page_layout_parse(text, &page_layout)) {
		free(text);
		say(INSTANCE "/events/header_page: this kernel's ring buffer is not known to this version");
		return false;
	}
	free(text);
	page_size = page_layout.data.offset + page_layout.data.size;
	page = malloc(page_size);
	if (!page)
		out_of_memory();
	pages_max = kib * 1024 / page_layout.data.size + 3;
	snprintf(number, sizeof(number), "%lu", kib);
	/* Woken by each event: a process may be gone soon. */
	return set("buffer_size_kb", number) && set_clock() && set("buffer_percent", "0") &&
	       open_processors();
}

/* Switch an event on; false if it is not there. */
static bool switch_on(enum event_kind kind, bool *was_off)
{
	char path[TTMEM_PATH_SIZE], line[8];

	snprintf(path, sizeof(path), INSTANCE "/events/ttmem/%s/enable", event_names[kind]);
	if (ttmem__read_line(path, line, sizeof(line)))
		return false;
	if (line[0] == '1')
		return true;
	*was_off = true;
	return write_file(path, "1");
}

static bool read_event_layout(enum event_kind kind)
{
	char path[TTMEM_PATH_SIZE], *text;
	bool ok;

	snprintf(path, sizeof(path), INSTANCE "/events/ttmem/%s/format", event_names[kind]);
	if (ttmem__read_file(path, &text, NULL))
		return false;
	ok = event_layout_parse(text, kind, &event_layout[kind]);
	free(text);
	if (!ok)
		say("%s: this version does not know this event. Is it as old as the module?", path);
	return ok;
}

bool ring_attend(bool *anew)
{
	bool was_off = false, before = recording;
	size_t i;
	int kind;

	for (i = 0; i < processor_count; i++)
		polled[i].fd = processors[i].fd;
	*anew = false;
	recording = false;
	if (access(INSTANCE "/events/ttmem", F_OK)) {
		if (before)
			say("ttmem was unloaded; waiting for it");
		return false;
	}
	for (kind = 0; kind < EVENT_KINDS; kind++)
		if (!switch_on(kind, &was_off))
			return false;
	/* One that was loaded anew has other numbers. */
	if (!before || was_off)
		for (kind = 0; kind < EVENT_KINDS; kind++)
			if (!read_event_layout(kind))
				return false;
	recording = true;
	*anew = !before || was_off;
	if (!before)
		say("recording the clients of ttmem");
	return true;
}

void ring_wait(int timeout_ms)
{
	size_t i;

	if (poll(polled, processor_count, timeout_ms) <= 0)
		return;
	/* A processor that is off has no buffer and answers at once: until ring_attend(). */
	for (i = 0; i < processor_count; i++)
		if (polled[i].revents & (POLLERR | POLLNVAL) && !(polled[i].revents & POLLIN))
			polled[i].fd = -1;
}

struct reader {
	void (*event)(const struct event *event);
};

static void take_record(uint64_t time, const void *data, size_t len, void *arg)
{
	const struct reader *reader = arg;
	struct event event;

	if (event_read(event_layout, time, data, len, &event))
		reader->event(&event);
}

static uint64_t take_page(struct processor *p, size_t size, struct reader *reader)
{
	struct page_lost lost;
	uint64_t overrun;

	if (!page_read(&page_layout, page, size, &lost, take_record, reader))
		say("a page of processor %u's buffer was not understood to its end", p->number);
	if (!lost.lost)
		return 0;
	if (lost.known) {
		p->overrun += lost.events;
		return lost.events;
	}
	/* It does not say how many; then what was counted since it was asked for last. */
	overrun = read_overrun(p);
	lost.events = overrun > p->overrun ? overrun - p->overrun : 1;
	p->overrun = overrun;
	return lost.events;
}

uint64_t ring_read(void (*event)(const struct event *event))
{
	struct reader reader = { .event = event };
	uint64_t lost = 0;
	size_t i, pages;

	for (i = 0; i < processor_count; i++) {
		struct processor *p = &processors[i];

		for (pages = 0; pages < pages_max; pages++) {
			ssize_t got = read(p->fd, page, page_size);

			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				break;
			lost += take_page(p, got, &reader);
		}
	}
	return lost;
}

void ring_stop(void)
{
	char path[TTMEM_PATH_SIZE];
	int kind;

	for (kind = 0; kind < EVENT_KINDS; kind++) {
		snprintf(path, sizeof(path), INSTANCE "/events/ttmem/%s/enable", event_names[kind]);
		write_file(path, "0");
	}
}

bool ring_close(void)
{
	size_t i;

	for (i = 0; i < processor_count; i++)
		close(processors[i].fd);
	if (!rmdir(INSTANCE) || errno == ENOENT)
		return true;
	say(INSTANCE ": %s. It goes on recording until it is removed", strerror(errno));
	return false;
}
