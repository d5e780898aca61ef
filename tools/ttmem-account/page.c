// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the kernel's ring buffer, as per_cpu/cpuN/trace_pipe_raw gives them. The
 * text of an event is not read: in it a process's name stands as it is, so that a name
 * with a newline could be a second event. Where the fields are is told by the kernel, in
 * header_page and in each event's format; how records follow each other in header_event,
 * which has been the same since 2009.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "account.h"

/* The head of a record: its kind or length in five bits, time since the last in 27. */
#define TYPE_BITS	5
#define DELTA_BITS	27
#define TYPE_DATA_MAX	28	/* of so many words; 0: the next word has the length */
#define TYPE_PADDING	29
#define TYPE_EXTEND	30	/* the next word has more bits of the time */
#define TYPE_STAMP	31	/* likewise, and it is the whole time */
/* The highest bits of a time are not in a stamp. */
#define STAMP_BITS	(DELTA_BITS + 32)

/* In the page's count of bytes. */
#define COMMIT_BYTES	0x07ffffffu
#define COMMIT_LOST	0x80000000u
#define COMMIT_COUNT	0x40000000u	/* how many stands behind the data */

/* A page is as large as the kernel makes it, up to this. */
#define PAGE_MAX	(1u << 24)

const char * const event_names[EVENT_KINDS] = {
	[EVENT_BEGIN] = "ttmem_client_begin",
	[EVENT_ATTRIBUTE] = "ttmem_client_attribute",
	[EVENT_END] = "ttmem_client_end",
};

/* Find a field: "field:TYPE NAME;	offset:N;	size:N;	signed:N;" */
static bool find_part(const char *text, const char *name, struct part *part)
{
	char mark[64];
	const char *at;

	snprintf(mark, sizeof(mark), " %s;\toffset:", name);
	at = strstr(text, mark);
	return at && sscanf(at + strlen(mark), "%u;\tsize:%u;", &part->offset, &part->size) == 2 &&
	       part->offset < PAGE_MAX && part->size < PAGE_MAX;
}

static bool is_number(const struct part *part)
{
	return part->size == 1 || part->size == 2 || part->size == 4 || part->size == 8;
}

bool page_layout_parse(const char *text, struct page_layout *layout)
{
	return find_part(text, "timestamp", &layout->timestamp) &&
	       find_part(text, "commit", &layout->commit) &&
	       find_part(text, "data", &layout->data) &&
	       layout->timestamp.size == 8 &&
	       (layout->commit.size == 4 || layout->commit.size == 8) &&
	       layout->timestamp.offset + 8 <= layout->data.offset &&
	       layout->commit.offset + layout->commit.size <= layout->data.offset &&
	       layout->data.size;
}

/* A field of a number. */
static bool find_number(const char *text, const char *name, struct part *part)
{
	return find_part(text, name, part) && is_number(part);
}

bool event_layout_parse(const char *text, enum event_kind kind, struct event_layout *layout)
{
	const char *id = strstr(text, "\nID: ");

	memset(layout, 0, sizeof(*layout));
	if (!id || sscanf(id, "\nID: %" SCNu64, &layout->id) != 1 ||
	    !find_number(text, "common_type", &layout->type) ||
	    !find_number(text, "card", &layout->card) ||
	    !find_number(text, "client", &layout->client) ||
	    !find_number(text, "pid", &layout->pid) ||
	    !find_number(text, "uid", &layout->uid))
		return false;
	return kind != EVENT_END ||
	       (find_number(text, "begin", &layout->begin) &&
		find_number(text, "end", &layout->end) &&
		find_number(text, "chip0_dram_peak", &layout->peak[0][TTMEM_DRAM]) &&
		find_number(text, "chip0_l1_peak", &layout->peak[0][TTMEM_L1]) &&
		find_number(text, "chip1_dram_peak", &layout->peak[1][TTMEM_DRAM]) &&
		find_number(text, "chip1_l1_peak", &layout->peak[1][TTMEM_L1]) &&
		strstr(text, "__data_loc char[] comm;") &&
		find_part(text, "comm", &layout->command) && layout->command.size == 4);
}

static uint32_t word_at(const unsigned char *data)
{
	uint32_t word;

	memcpy(&word, data, sizeof(word));
	return word;
}

/* A number of the record; behind its end it is 0 and @ok is false. */
static uint64_t number_at(const unsigned char *data, size_t len, const struct part *part, bool *ok)
{
	const unsigned char *at = data + part->offset;
	uint64_t n64;
	uint16_t n16;

	if (part->offset > len || part->size > len - part->offset) {
		*ok = false;
		return 0;
	}
	switch (part->size) {
	case 1:
		return *at;
	case 2:
		memcpy(&n16, at, sizeof(n16));
		return n16;
	case 4:
		return word_at(at);
	default:
		memcpy(&n64, at, sizeof(n64));
		return n64;
	}
}

bool page_read(const struct page_layout *layout, const void *page, size_t size,
	       struct page_lost *lost,
	       void (*record)(uint64_t time, const void *data, size_t len, void *arg),
	       void *arg)
{
	const unsigned char *data, *end;
	uint64_t time, commit, stamp;
	size_t bytes, room;
	bool ok = true;

	memset(lost, 0, sizeof(*lost));
	if (size < layout->data.offset)
		return false;
	time = number_at(page, size, &layout->timestamp, &ok);
	commit = number_at(page, size, &layout->commit, &ok);
	data = (const unsigned char *)page + layout->data.offset;
	room = size - layout->data.offset;
	bytes = commit & COMMIT_BYTES;
	if (commit & COMMIT_LOST) {
		/* A long of the kernel's, as the count of bytes is. */
		const struct part count = { .offset = bytes, .size = layout->commit.size };

		lost->lost = true;
		if (commit & COMMIT_COUNT && bytes <= room) {
			lost->known = true;
			lost->events = number_at(data, room, &count, &lost->known);
		}
	}
	if (bytes > room)
		return false;

	for (end = data + bytes; end - data >= 4; ) {
		uint32_t head = word_at(data), word = 0;
		unsigned int type = head & ((1u << TYPE_BITS) - 1);
		uint32_t delta = head >> TYPE_BITS;
		size_t len;

		if (type == TYPE_PADDING && !delta)
			return true;
		if (type == 0 || type > TYPE_DATA_MAX) {
			if (end - data < 8)
				return false;
			word = word_at(data + 4);
		}
		switch (type) {
		case TYPE_EXTEND:
			time += ((uint64_t)word << DELTA_BITS) + delta;
			data += 8;
			continue;
		case TYPE_STAMP:
			stamp = ((uint64_t)word << DELTA_BITS) + delta;
			time = (time >> STAMP_BITS << STAMP_BITS) | stamp;
			data += 8;
			continue;
		case TYPE_PADDING:
		case 0:
			/* The length has its own word in it. */
			if (word < 4 || word > (size_t)(end - data) - 4)
				return false;
			if (type == 0) {
				time += delta;
				record(time, data + 8, word - 4, arg);
			}
			data += 4 + (((size_t)word + 3) & ~(size_t)3);
			if (data > end)
				return false;
			continue;
		}
		len = 4 * type;
		if (len > (size_t)(end - data) - 4)
			return false;
		time += delta;
		record(time, data + 4, len, arg);
		data += 4 + len;
	}
	return data == end;
}

/* Where a text stands, and how long it is, stands in the record. */
static bool read_command(const unsigned char *data, size_t len, const struct part *part,
			 char *command)
{
	bool ok = true;
	uint32_t where = number_at(data, len, part, &ok);
	size_t offset = where & 0xffff, bytes = where >> 16;

	if (!ok || offset > len || bytes > len - offset)
		return false;
	if (bytes >= COMMAND_SIZE)
		bytes = COMMAND_SIZE - 1;
	memcpy(command, data + offset, bytes);
	command[bytes] = '\0';
	return true;
}

bool event_read(const struct event_layout layout[EVENT_KINDS], uint64_t time, const void *data,
		size_t len, struct event *event)
{
	const struct event_layout *l;
	int kind, chip, memory;
	bool ok = true;

	for (kind = 0; kind < EVENT_KINDS; kind++) {
		l = &layout[kind];
		if (l->type.size && number_at(data, len, &l->type, &ok) == l->id && ok)
			break;
	}
	if (kind == EVENT_KINDS)
		return false;
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->time = time;
	event->card = number_at(data, len, &l->card, &ok);
	event->client = number_at(data, len, &l->client, &ok);
	event->pid = number_at(data, len, &l->pid, &ok);
	event->uid = number_at(data, len, &l->uid, &ok);
	if (kind == EVENT_END) {
		event->begin = number_at(data, len, &l->begin, &ok);
		event->end = number_at(data, len, &l->end, &ok);
		for (chip = 0; chip < 2; chip++)
			for (memory = 0; memory < 2; memory++)
				event->peak[chip][memory] =
					number_at(data, len, &l->peak[chip][memory], &ok);
		ok = ok && read_command(data, len, &l->command, event->command);
	}
	return ok;
}
