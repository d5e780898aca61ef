/* SPDX-License-Identifier: MIT */
/*
 * What the files of libttmem, and the tools that link it statically, share. Not
 * installed, not exported.
 */
#ifndef TTMEM_INTERNAL_H
#define TTMEM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "libttmem.h"

/* Where the kernel is found; only a test is compiled with other roots. */
#ifndef TTMEM_SYSFS
#define TTMEM_SYSFS	"/sys"
#endif
#ifndef TTMEM_PROC
#define TTMEM_PROC	"/proc"
#endif
#ifndef TTMEM_DEV
#define TTMEM_DEV	"/dev"
#endif

#define TTMEM_CLASS	TTMEM_SYSFS "/class/tenstorrent"
/* Each card's books, format with its number. */
#define TTMEM_BOOKS	TTMEM_SYSFS "/class/ttmem/ttmem%u"
#define TTMEM_MODULE	TTMEM_SYSFS "/module/ttmem"
#define TTMEM_LIST	TTMEM_PROC "/driver/ttmem/clients"
#define TTMEM_NODES	TTMEM_DEV "/tenstorrent/mem"

/* The names of enum ttmem_tag. */
extern const char * const ttmem__tags[TTMEM_TAG_CB + 1];

/* Room for each path that is put together here. */
#define TTMEM_PATH_SIZE	512

/**
 * ttmem__read_file() - read a whole file of sysfs or procfs
 * @path: the file
 * @data: out: its bytes and a NUL behind them, to be freed
 * @size: out: how many bytes; may be NULL
 * Return: 0 or a negative errno
 */
int ttmem__read_file(const char *path, char **data, size_t *size);

/**
 * ttmem__read_line() - read the first line of a file of sysfs
 * @path: the file
 * @line: out: the line without its end, empty on error
 * @size: size of @line; what is longer is cut off
 * Return: 0 or a negative errno
 */
int ttmem__read_line(const char *path, char *line, size_t size);

/**
 * ttmem__number() - parse a whole string as a decimal number
 * @text: the string
 * @max: the highest value accepted
 * @value: out: the value
 * Return: whether it is one
 */
bool ttmem__number(const char *text, uint64_t max, uint64_t *value);

/**
 * ttmem__same() - compare words of ASCII in any case, whatever the locale is
 * @a: a word
 * @b: another
 * @len: how many characters of them at the most
 *
 * strcasecmp() takes the locale's: in Turkish "PIDS" is not "pids".
 * Return: whether they are the same
 */
bool ttmem__same(const char *a, const char *b, size_t len);

/**
 * ttmem__size() - parse a size as a person types it
 * @text: "209715200", "200M", "200MiB", "1.5G" or "200MB", with K, M, G or T
 * @bytes: out: the size, a part of a byte left out
 *
 * Only with a B alone behind it a letter counts in powers of 1000, as dd(1) and
 * truncate(1) have it.
 * Return: whether it is one, of 64 bits
 */
bool ttmem__size(const char *text, uint64_t *bytes);

/**
 * ttmem__utf8_length() - how many bytes of a valid UTF-8 character begin here
 * @text: not empty
 * Return: 1 to 4, 0 if none begins here
 */
size_t ttmem__utf8_length(const char *text);

/**
 * ttmem__find() - find a card by what a person types
 * @text: a number, or a PCI address with or without its domain
 * @number: out: TT-KMD's number of the card
 *
 * A number is taken as it is, whether or not there is such a card.
 * Return: 0, -EINVAL for neither, -ENXIO if no card has the address
 */
int ttmem__find(const char *text, unsigned int *number);

/**
 * ttmem__is_board() - whether a word that a person types is a board's name
 * @word: the word
 *
 * None of the names begins with a digit or has a colon, so it is neither a card's
 * number nor an address.
 * Return: whether it may be one
 */
static inline bool ttmem__is_board(const char *word)
{
	return ((*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z')) &&
	       !strchr(word, ':');
}

/**
 * ttmem__board() - name a card's board
 * @number: the card
 * @board: out: its name, empty where neither TT-KMD nor ttmem knows it
 * @size: size of @board
 */
void ttmem__board(unsigned int number, char *board, size_t size);

/**
 * ttmem__clients() - ttmem_clients(), of a list that is not too long
 * @list: as there
 * @count: as there
 * @entry_size: as there
 * @most: bytes of text; what is made of it takes about four times as much
 * Return: as there; -EFBIG if the list is longer
 */
int ttmem__clients(struct ttmem_client **list, size_t *count, size_t entry_size, size_t most);

/**
 * ttmem__self() - tell which process of /proc and of the lists this one is
 *
 * In a pid namespace that sees the /proc of an outer one, getpid() is there another
 * process's number.
 * Return: its number; getpid() where /proc does not tell
 */
pid_t ttmem__self(void);

/**
 * ttmem__openers() - list who has a card of TT-KMD open
 * @card: the card's number
 * @pids: out: their numbers, each once, the smallest first; to be freed. 0 is for
 *	those that are not visible from here. Without this process
 * @count: out: how many
 * Return: 0; -ENOENT where TT-KMD has no such list, as before 2.5, or no such card;
 * -EPROTO if it is not understood; or another negative errno
 */
int ttmem__openers(unsigned int card, pid_t **pids, size_t *count);

/**
 * ttmem__why_not() - why there are no books for a card
 * @number: the card
 * Return: -ENXIO or -ENOPKG, or another negative errno if that cannot be told
 */
int ttmem__why_not(unsigned int number);

#endif /* TTMEM_INTERNAL_H */
