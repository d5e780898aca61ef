/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of a look share. */
#ifndef TTMEM_SMI_LOOK_PARTS_H
#define TTMEM_SMI_LOOK_PARTS_H

#include "look/look.h"

/* card.c */

/**
 * read_line() - read a line of a file of sysfs
 * @line: out: the line without its end, empty on error
 * @size: size of @line
 * @format: the file's path, as for printf()
 * Return: 0 or a negative errno
 */
int __attribute__((format(printf, 3, 4)))
read_line(char *line, size_t size, const char *format, ...);

/* The serial number of the board, which its cards share, and the id of the ASIC. */
void read_ids(struct card *card);

/* processes.c */

/**
 * add_clients() - add those that are in a card's books
 * @snap: the snapshot
 * @card: the card's number
 * @list: the card's part of list_clients()
 * @count: how many there are in it
 */
void add_clients(struct snapshot *snap, unsigned int card,
		 const struct ttmem_client *list, size_t count);

/**
 * add_openers() - add those that have a card open and report nothing
 * @snap: the snapshot
 * @card: the card's number
 * @from: the place of the card's first process, of those in its books
 * Return: 0, or a negative errno if TT-KMD does not tell who has
 */
int add_openers(struct snapshot *snap, unsigned int card, size_t from);

/* Free what a process holds, but not itself. */
void free_process(struct process *p);

/**
 * drop_idle() - drop who holds nothing and has not the card open
 * @snap: the snapshot
 * @from: the place of the first process that is looked at
 *
 * He is no user of memory: he stays where peaks are wanted, or with the card open,
 * where that he holds nothing is more than N/A.
 */
void drop_idle(struct snapshot *snap, size_t from);

/* Drop all processes from @from on. */
void drop_processes(struct snapshot *snap, size_t from);

/* Keep of those from @from on the ones that are asked for. */
void keep_processes(struct snapshot *snap, size_t from, struct filter *filter);

/**
 * name_processes() - find out the users of processes, and what they run
 * @snap: the snapshot
 * @from: the place of the first process that is looked at
 * @commands: what they run is wanted, too
 */
void name_processes(struct snapshot *snap, size_t from, bool commands);

/* select.c */

/* Sort the processes by a key that want_check() has found right. */
void sort_processes(struct snapshot *snap, const char *key);

/* silent.c */

/**
 * silent_count() - count who has a card open and tells nothing
 * @card: the card, of which @card->silent is filled in
 * @snap: with what ttmem-metald says
 * @from: the card's processes stand there from here on
 * @known: whether they are all that have it open
 */
void silent_count(struct card *card, const struct snapshot *snap, size_t from, bool known);

#endif /* TTMEM_SMI_LOOK_PARTS_H */
