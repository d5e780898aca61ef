// SPDX-License-Identifier: GPL-2.0-only
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clean.h"
#include "internal.h"

/* In the order of their numbers; the last two of each plane are no characters either. */
static const struct {
	uint32_t first;
	uint32_t last;
} refused[] = {
	{ 0x0000, 0x001f },	/* controls, C0 */
	{ 0x007f, 0x009f },	/* delete, controls, C1 */
	{ 0x00ad, 0x00ad },	/* soft hyphen, not seen */
	{ 0x034f, 0x034f },	/* likewise */
	{ 0x061c, 0x061c },	/* direction */
	{ 0x115f, 0x1160 },	/* fillers, not seen */
	{ 0x17b4, 0x17b5 },	/* vowels, not seen */
	{ 0x180b, 0x180f },	/* of Mongolian, not seen */
	{ 0x200b, 0x200b },	/* likewise; the two joiners behind it make words */
	{ 0x200e, 0x200f },	/* direction */
	{ 0x2028, 0x202e },	/* ends of lines and paragraphs, direction */
	{ 0x2060, 0x206f },	/* not seen, direction */
	{ 0x2800, 0x2800 },	/* a pattern of no dots */
	{ 0x3164, 0x3164 },	/* a filler, not seen */
	{ 0xd800, 0xdfff },	/* surrogates, no characters */
	{ 0xfdd0, 0xfdef },	/* no characters */
	{ 0xfe00, 0xfe0f },	/* variants of what is before, often the same to see */
	{ 0xfeff, 0xfeff },	/* order of bytes, not seen */
	{ 0xffa0, 0xffa0 },	/* a filler, not seen */
	{ 0xfff0, 0xfffb },	/* not seen; annotations */
	{ 0x1bca0, 0x1bca3 },	/* of shorthand, not seen */
	{ 0x1d173, 0x1d17a },	/* of music, not seen */
	{ 0xe0000, 0xe0fff },	/* tags, not seen */
};

bool clean_allows(uint32_t code)
{
	size_t i;

	if (code > 0x10ffff || (code & 0xfffe) == 0xfffe)
		return false;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (code >= refused[i].first && code <= refused[i].last)
			return false;
	return true;
}

/* The number of a valid character of so many bytes. */
static uint32_t code_of(const char *text, size_t len)
{
	uint32_t code = (unsigned char)*text;
	size_t i;

	if (len > 1)
		code &= 0x7f >> len;
	for (i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)text[i] & 0x3f);
	return code;
}

size_t clean_next(const char *text, bool *shown)
{
	size_t len = ttmem__utf8_length(text);

	*shown = len && clean_allows(code_of(text, len));
	return len ? len : 1;
}

char *clean_copy(const char *text, const char *mark)
{
	size_t mark_len = strlen(mark), size = 1, len;
	char *copy, *to;
	const char *at;
	bool shown;

	for (at = text; *at; at += len) {
		len = clean_next(at, &shown);
		size += shown ? len : mark_len;
	}
	copy = malloc(size);
	if (!copy)
		return NULL;
	for (at = text, to = copy; *at; at += len) {
		len = clean_next(at, &shown);
		to = shown ? mempcpy(to, at, len) : mempcpy(to, mark, mark_len);
	}
	*to = '\0';
	return copy;
}

void clean_json(FILE *out, const char *json)
{
	size_t len;
	bool shown;

	for (; *json; json += len) {
		uint32_t code;

		len = clean_next(json, &shown);
		/* In a string these are escaped already, elsewhere they lay it out. */
		if (shown || (unsigned char)*json < ' ') {
			fwrite(json, 1, len, out);
			continue;
		}
		code = ttmem__utf8_length(json) ? code_of(json, len) : 0xfffd;
		if (code > 0xffff)
			fprintf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
				0xdc00 + (code & 0x3ff));
		else
			fprintf(out, "\\u%04x", code);
	}
}

void clean_ascii(char *text)
{
	char *to = text;

	while (*text) {
		size_t len = ttmem__utf8_length(text);

		*to++ = (unsigned char)*text < 0x80 ? *text : '?';
		text += len ? len : 1;
	}
	*to = '\0';
}

bool clean_speaks_utf8(int fd)
{
	locale_t locale;
	bool is;

	if (!isatty(fd))
		return true;
	/* Not the program's own locale, by which it may read its options. */
	locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	if (!locale)
		return false;
	is = !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");
	freelocale(locale);
	return is;
}

bool clean_send(FILE *out, FILE *paper, char **text)
{
	if (fclose(paper))
		return false;
	if (!clean_speaks_utf8(fileno(out)))
		clean_ascii(*text);
	fputs(*text, out);
	free(*text);
	return true;
}

void clean_vprint(FILE *out, const char *format, va_list args)
{
	char *text, *clean = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	if (text)
		clean = clean_copy(text, CLEAN_MARK);
	if (clean && !clean_speaks_utf8(fileno(out)))
		clean_ascii(clean);
	fputs(clean ? clean : "out of memory", out);
	free(clean);
	free(text);
}

void clean_print(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	clean_vprint(out, format, args);
	va_end(args);
}
