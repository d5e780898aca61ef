// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others have put into a name, fit to be shown: printable, and in so many
 * columns.
 */
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "base/base.h"
#include "clean.h"
#include "text/text.h"

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
