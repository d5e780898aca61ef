/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text: names of what the kernel counts, numbers in units, what others have put
 * into a name, and the forms that text must have in CSV and XML.
 */
#ifndef TTMEM_SMI_TEXT_H
#define TTMEM_SMI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "libttmem.h"

/* names.c */

/* The tags of enum ttmem_tag. */
#define TAGS	(TTMEM_TAG_CB + 1)

/* The names of enum ttmem_memory and enum ttmem_tag. */
extern const char * const memory_names[2];
extern const char * const tag_names[TAGS];

/**
 * memory_has_tag() - whether bytes of a memory may have a tag
 * @memory: the memory
 * @tag: the tag
 * Return: whether they may
 */
bool memory_has_tag(unsigned int memory, unsigned int tag);

/* style.c */

/* Who the output is for. */
struct style {
	bool terminal;
	unsigned int width;	/* columns there are */
	bool colour;
	bool utf8;
};

/**
 * style_of() - find out who reads the output
 * @style: out
 * @fd: the output
 * @colour: "auto", "always" or "never"
 */
void style_of(struct style *style, int fd, const char *colour);

/* printable.c */

/**
 * fit() - make text of others fit to stand in a column
 * @to: out: text of exactly @width columns, padded with blanks
 * @size: size of @to; four bytes for each column and a NUL are enough
 * @width: the column's width
 * @from: the text
 * @utf8: what is printable in this locale may stay; else only ASCII
 *
 * What is not printable becomes a question mark, what is cut off is told by a
 * plus, as ps does.
 * Return: @to
 */
char *fit(char *to, size_t size, size_t width, const char *from, bool utf8);

/**
 * printable() - copy text of others whole, fit for a line of a file
 * @from: the text
 * Return: UTF-8 with a question mark for each byte that is none and for each
 * character that clean_allows() refuses, to be freed
 */
char *printable(const char *from);

/* units.c */

/**
 * format_bytes() - "200 MiB", in the smallest unit that fits
 * @text: out
 * @size: size of @text
 * @bytes: how many
 * @width: columns that it should fit
 */
void format_bytes(char *text, size_t size, uint64_t bytes, size_t width);

/**
 * format_pool() - "200 / 12288 MiB", likewise
 * @text: out
 * @size: size of @text
 * @used: bytes that are used
 * @total: bytes there are, 0 if not known
 * @at_least: more than that may be used, which a plus tells
 * @width: columns that it should fit
 */
void format_pool(char *text, size_t size, uint64_t used, uint64_t total, bool at_least,
		 size_t width);

/**
 * in_mib() - bytes to the nearest MiB
 * @bytes: how many
 * Return: MiB
 */
uint64_t in_mib(uint64_t bytes);

/**
 * format_milli() - thousandths as a number with decimals
 * @text: out
 * @size: size of @text
 * @n: the number
 * @decimals: 0 to 3; the last one is rounded
 */
void format_milli(char *text, size_t size, int64_t n, unsigned int decimals);

/**
 * format_size() - "200 MiB", "1.5 GiB": three digits and the unit
 * @text: out
 * @size: size of @text
 * @bytes: how many
 */
void format_size(char *text, size_t size, double bytes);

/* csv.c */

/* Print text as one value of CSV, quoted where it must be. */
void csv_text(FILE *out, const char *text);

/* The same behind a comma, of a list of values that are separated by comma and blank. */
void csv_next(FILE *out, const char *text);

/* The comma between two values, @quoted if the next one stands in quotation marks. */
void csv_comma(FILE *out, bool quoted);

/* Print a time, as YYYY/MM/DD HH:MM:SS.mmm. */
void csv_time(FILE *out, time_t seconds, unsigned int ms);

/* xml.c */

/*
 * Text of others for XML, at most so many characters of it; what XML cannot hold at all is
 * not in printable() text.
 */
void xml_text(FILE *out, const char *text, size_t max);

/* closest.c */

/**
 * closest() - find out what somebody meant to type
 * @typed: the word
 * @len: how many characters of it
 * @words: those there are, separated by blanks
 * @best: in: how many mistakes are too many; out: how many @typed has of them, if fewer
 * @found: out: the word, only where @best was lowered
 * @size: size of @found
 *
 * A mistake is a character that is wrong, missing, one too many, or one place off.
 */
void closest(const char *typed, size_t len, const char *words, unsigned int *best,
	     char *found, size_t size);

/* So many mistakes are too many in a word of that length. */
#define MISTAKES(len)	((len) < 4 ? 2u : 3u)

#endif /* TTMEM_SMI_TEXT_H */
