// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text for people: who reads it and in how many columns, bytes in units, and
 * what others have put into a name.
 */
#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "clean.h"
#include "smi.h"

/* Where nobody tells how many columns there are. */
#define WIDTH_DEFAULT	79
#define WIDTH_MAX	400

const char * const memory_names[2] = {
	[TTMEM_DRAM] = "DRAM",
	[TTMEM_L1] = "L1",
};

const char * const tag_names[TAGS] = {
	[TTMEM_TAG_BUFFER] = "buffer",
	[TTMEM_TAG_TRACE] = "trace",
	[TTMEM_TAG_SYSTEM] = "system",
	[TTMEM_TAG_L1_SMALL] = "l1_small",
	[TTMEM_TAG_CB] = "cb",
};

int say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ttmem-smi: ", stderr);
	clean_vprint(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_FAILED;
}

int close_output(FILE *out, const char *path)
{
	bool bad = ferror(out);

	errno = bad ? EIO : 0;
	if (fclose(out) || bad)
		return say("cannot write to %s: %s", path, strerror(errno));
	return 0;
}

char *copy(const char *text)
{
	char *new = strdup(text);

	if (!new)
		out_of_memory();
	return new;
}

bool memory_has_tag(unsigned int memory, unsigned int tag)
{
	switch (tag) {
	case TTMEM_TAG_TRACE:
		return memory == TTMEM_DRAM;
	case TTMEM_TAG_L1_SMALL:
	case TTMEM_TAG_CB:
		return memory == TTMEM_L1;
	default:
		return true;
	}
}

const char *source_name(const struct process *process)
{
	static const char * const names[] = {
		[1 << TTMEM_SOURCE_SELF] = "self",
		[1 << TTMEM_SOURCE_ATTRIBUTED] = "attributed",
		[1 << TTMEM_SOURCE_SELF | 1 << TTMEM_SOURCE_ATTRIBUTED] = "both",
	};

	return names[process->sources];
}

void style_of(struct style *style, int fd, const char *colour)
{
	const char *columns = getenv("COLUMNS"), *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	struct winsize size;
	bool terminal;
	uint64_t n;

	terminal = isatty(fd);
	style->terminal = terminal;
	style->width = WIDTH_DEFAULT;
	if (columns && ttmem__number(columns, WIDTH_MAX, &n))
		style->width = n;
	else if (terminal && !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		style->width = size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;

	style->utf8 = terminal && !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!strcmp(colour, "auto"))
		style->colour = terminal && !(no_color && *no_color) &&
				term && *term && strcmp(term, "dumb");
	else
		style->colour = !strcmp(colour, "always");
}

/*
 * The next character of a text: how many bytes it has, and columns, -1 if it is
 * nothing to print. In ASCII a whole character of UTF-8 makes one question mark.
 */
static size_t next_character(const char *text, bool utf8, int *columns)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t len;
	bool shown;

	len = clean_next(text, &shown);
	if ((unsigned char)*text < 0x80) {
		*columns = shown ? 1 : -1;
		return len;
	}
	*columns = -1;
	if (!utf8) {
		while ((text[len] & 0xc0) == 0x80)
			len++;
		return len;
	}
	if (shown && mbrtowc(&wide, text, len, &state) == len && iswprint(wide))
		*columns = wcwidth(wide);
	return len;
}

char *fit(char *to, size_t size, size_t width, const char *from, bool utf8)
{
	size_t used = 0, column = 0, room, len;
	const char *rest;
	int columns;

	/* A mark of what was cut off takes the last column. */
	for (rest = from, room = 0; *rest && room <= width; rest += len) {
		len = next_character(rest, utf8, &columns);
		room += columns < 0 ? 1 : columns;
	}
	room = room > width ? width - 1 : width;

	for (; *from; from += len) {
		size_t wide;

		len = next_character(from, utf8, &columns);
		wide = columns < 0 ? 1 : columns;
		/* Marks that take no column may be many: some get lost. */
		if (column + wide > room || used + len + width - column >= size)
			break;
		if (columns < 0)
			to[used++] = '?';
		else
			used = (char *)mempcpy(to + used, from, len) - to;
		column += wide;
	}
	if (*from && column < width) {
		to[used++] = '+';
		column++;
	}
	while (column++ < width)
		to[used++] = ' ';
	to[used] = '\0';
	return to;
}

char *printable(const char *from)
{
	char *text = clean_copy(from, CLEAN_MARK);

	if (!text)
		out_of_memory();
	return text;
}

static const char * const units[] = { "MiB", "GiB", "TiB", "PiB", "EiB" };

#define UNITS	(sizeof(units) / sizeof(units[0]))

/* Bytes to the nearest of a unit; what is not nothing never looks like it. */
static void format_in(char *text, size_t size, uint64_t bytes, size_t unit)
{
	unsigned int shift = 20 + 10 * unit;
	uint64_t n = (bytes >> shift) + ((bytes >> (shift - 1)) & 1);

	if (bytes && !n)
		snprintf(text, size, "<1");
	else
		snprintf(text, size, "%llu", (unsigned long long)n);
}

uint64_t in_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes >> 19) & 1);
}

void format_bytes(char *text, size_t size, uint64_t bytes, size_t width)
{
	char number[24];
	size_t i;

	for (i = 0; i < UNITS; i++) {
		format_in(number, sizeof(number), bytes, i);
		snprintf(text, size, "%s %s", number, units[i]);
		if (strlen(text) <= width)
			break;
	}
}

void format_pool(char *text, size_t size, const struct pool *pool, bool at_least,
		 size_t width)
{
	/* It takes the place of a blank, so that no column grows. */
	char plus = at_least ? '+' : ' ';
	char used[24], total[24];
	size_t i;

	if (!pool->total) {
		format_bytes(used, sizeof(used), pool->used, width - 6);
		snprintf(text, size, "%s%c/ N/A", used, plus);
		return;
	}
	for (i = 0; i < UNITS; i++) {
		format_in(used, sizeof(used), pool->used, i);
		format_in(total, sizeof(total), pool->total, i);
		snprintf(text, size, "%s%c/ %s %s", used, plus, total, units[i]);
		if (strlen(text) <= width)
			break;
	}
}

int percent_used(const struct pool *pool)
{
	double percent;

	if (!pool->total)
		return -1;
	percent = 100.0 * pool->used / pool->total;
	return percent < 999 ? (int)(percent + 0.5) : 999;
}

void format_milli(char *text, size_t size, int64_t n, unsigned int decimals)
{
	static const unsigned int units_of[] = { 1000, 100, 10, 1 };
	uint64_t value = n < 0 ? -(uint64_t)n : (uint64_t)n;
	unsigned int unit = units_of[decimals], whole = 1000 / unit;

	value = value / unit + (value % unit >= unit - unit / 2);
	if (decimals)
		snprintf(text, size, "%s%llu.%0*llu", n < 0 && value ? "-" : "",
			 (unsigned long long)(value / whole), (int)decimals,
			 (unsigned long long)(value % whole));
	else
		snprintf(text, size, "%s%llu", n < 0 && value ? "-" : "",
			 (unsigned long long)value);
}
