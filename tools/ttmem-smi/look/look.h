/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One look at the cards and at who uses them: what there is to see, whose part of it
 * is wanted, and what the parts of a look are for who looks otherwise. What has
 * ended is in accounted.h.
 */
#ifndef TTMEM_SMI_LOOK_H
#define TTMEM_SMI_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "libttmem.h"
#include "metald_state.h"
#include "text/text.h"
#include "ttmem.h"

/*
 * A pool's books. @total is 0 where the capacity is not known, and then @free
 * means nothing. What follows @total is read only for a look with details.
 */
struct pool {
	uint64_t used;
	uint64_t total;
	uint64_t free;
	uint64_t peak;
	uint64_t banks;		/* 0 if not known */
	uint64_t tag[TAGS];	/* parts of used; 0 for tags it has not */
};

/* The books of a chip or of a whole card; pools in the order of enum ttmem_memory. */
struct books {
	struct pool pool[2];
	uint64_t clients;
	uint64_t reservations;
	uint64_t denied;
};

/* Who has a card open and tells nothing of what he holds. */
struct silent_use {
	bool known;
	bool unread;		/* not known, as something could not be read */
	uint64_t processes;
	enum silence why;	/* of most of them; SILENT_NOT if that is not known */
};

/* A card. What TT-KMD does not tell is an empty string, or not @has_. */
struct card {
	struct ttmem_card_id id;
	char board[TTMEM_BOARD_SIZE];
	char serial[24];
	char asic[24];
	char firmware[24];
	bool has_temperature;
	bool has_power;
	bool has_power_limit;
	bool has_clock;
	int64_t temperature;	/* millidegrees Celsius */
	uint64_t power;		/* microwatts */
	uint64_t power_limit;	/* likewise */
	uint64_t clock;		/* MHz */
	size_t chips;		/* 0 if ttmem does not follow the card */
	struct books *chip;
	struct books sum;	/* all chips; only with details */
	struct silent_use silent;
};

/*
 * What a process holds on a chip or, not @reports, a process that has the card
 * open and reports nothing. One that reports and does not hold anything now has
 * only peaks; it is in a snapshot if it has the card open or peaks are wanted.
 */
struct process {
	unsigned int card;
	unsigned int chip;
	bool reports;
	bool holds;
	bool open;		/* TT-KMD's node of the card */
	bool has_uid;
	pid_t pid;		/* 0 if not visible from here, or dead */
	uid_t uid;
	uint64_t bytes[2];	/* in the order of enum ttmem_memory */
	uint64_t tag[2][TAGS];	/* parts of them; what is left has a tag not known here */
	uint64_t peak[2];	/* likewise, its clients' added up */
	uint64_t reservations;
	unsigned int sources;	/* bits of TTMEM_SOURCE_*, of all its clients */
	char *user;		/* name, or number where it has none */
	const char *name;	/* as the list tells it, while that is there */
	size_t place;		/* while they are being sorted */
	char *command;		/* NULL if @pid is 0 or it was not asked for */
	bool has_line;		/* it is a command line, not only a name */
};

struct snapshot {
	struct timespec time;
	char ttmem[64];		/* the module's version, empty if not told */
	char tt_kmd[64];	/* likewise TT-KMD's */
	struct card *card;
	size_t cards;
	struct process *process;
	size_t processes;
	bool processes_known;	/* those there are, less what was not wanted */
	bool clients_unread;	/* the list of clients was wanted and could not be read */
	struct metald_state metald;
	char why[512];		/* what is missing, else empty */
};

/*
 * What to look at. @cards, @pids and @users are as typed, separated by commas, NULL
 * for all; they and @sort have been checked by want_check().
 */
struct want {
	const char *cards;
	const char *pids;
	const char *users;
	bool all_pids;		/* tell if one of @pids is not there */
	const char *sort;
	bool details;
	bool ids;		/* the serial number and the ASIC's, also without details */
	bool processes;
	bool commands;		/* what they run, which costs a look at each */
	bool silent;		/* who uses a card and tells nothing, see silent.c */
	bool peaks;		/* processes too that hold nothing any more */
};

/* snapshot.c */

/**
 * snapshot_take() - look at the cards
 * @snap: what was seen; to be freed with snapshot_free() whatever is returned
 * @want: what to look at
 *
 * What is missing, and how to get it, is in @snap->why. A card that vanishes
 * meanwhile is left out, and told of there too.
 * Return: EXIT_OK, or the status to end with; there may be cards all the same
 */
int snapshot_take(struct snapshot *snap, const struct want *want);

/**
 * snapshot_free() - free what a snapshot holds
 * @snap: the snapshot
 */
void snapshot_free(struct snapshot *snap);

/**
 * snapshot_card() - find the card of a process
 * @snap: the snapshot
 * @number: TT-KMD's number
 * Return: the card, NULL if it is not in the snapshot
 */
const struct card *snapshot_card(const struct snapshot *snap,
				 unsigned int number);

/* card.c */

/**
 * read_card() - look at one card
 * @card: in: its id; out: the rest, of which @card->chip is to be freed
 * @details: as in struct want
 * Return: false if it has vanished
 */
bool read_card(struct card *card, bool details);

/**
 * percent_used() - how full a pool is
 * @pool: the pool
 * Return: per cent, above 100 too; -1 if its capacity is not known
 */
int percent_used(const struct pool *pool);

/*
 * Whether processes may use a card and tell nothing: some do, or who has it open could not
 * be read. (TT-KMD before 2.5 lists nobody; that is no error.) What is free of it is not
 * known then, and what is used is known as a minimum.
 */
static inline bool maybe_silent(const struct card *card)
{
	return card->silent.unread || card->silent.processes;
}

/* Nothing told of such a card is not the same as nothing: it is not shown as 0. */
static inline bool used_known(const struct card *card, const struct pool *pool)
{
	return !maybe_silent(card) || pool->used;
}

/* clients.c */

/**
 * list_clients() - list the clients of all cards, by card and process
 * @list: as from ttmem_clients(); by card, chip, process, client and memory
 * @count: likewise
 *
 * Lack of memory ends the program.
 * Return: as ttmem_clients()
 */
int list_clients(struct ttmem_client **list, size_t *count);

/**
 * clients_of() - find a card's part of such a list
 * @list: the list; out: the first of the card's
 * @count: how many there are in it
 * @card: the card
 * Return: how many are the card's
 */
size_t clients_of(const struct ttmem_client **list, size_t count,
		  unsigned int card);

/**
 * list_status() - how to end where a list could not be read
 * @error: what list_clients() or ttmem_clients() returned
 * Return: a status
 */
int list_status(int error);

/* processes.c */

/**
 * source_name() - who has told what a process holds
 * @process: the process
 * Return: "self", "attributed", "both", or NULL if nobody is known to have
 */
const char *source_name(const struct process *process);

/* users.c */

/**
 * user_name() - name a user
 * @uid: the user
 * Return: the name, or the number as text where there is none; good until the
 * next call
 */
const char *user_name(uid_t uid);

/**
 * forget_users() - let user_name() look names up anew
 */
void forget_users(void);

/* select.c */

/**
 * want_check() - see whether what was typed can be looked for
 * @want: what was typed
 * @why: what is wrong with it
 * @why_size: size of @why
 * Return: whether nothing is
 */
bool want_check(const struct want *want, char *why, size_t why_size);

/**
 * card_wanted() - whether a card is asked for
 * @want: what is
 * @card: a card that was read; its serial number and id are read where they are asked for
 * Return: whether it is
 */
bool card_wanted(const struct want *want, struct card *card);

/*
 * What is asked for of processes, understood; @seen says of each of @pids whether
 * filter_takes() has met it.
 */
struct filter {
	const struct want *want;
	uint64_t *pids;
	uint64_t *uids;
	size_t pid_count;
	size_t uid_count;
	bool *seen;
};

/**
 * filter_open() - understand the lists of -p and -u
 * @filter: out: to be given to filter_close()
 * @want: what want_check() has found right
 */
void filter_open(struct filter *filter, const struct want *want);
void filter_close(struct filter *filter);

/**
 * filter_takes() - whether a process is asked for
 * @filter: what is
 * @pid: the process
 * @has_uid: @uid is known
 * @uid: whose it is
 * Return: whether it is
 */
bool filter_takes(struct filter *filter, pid_t pid, bool has_uid, uid_t uid);

/* command.c */

/**
 * read_command() - find out what a process runs
 * @pid: the process
 * @name: its name, NULL if that is not known
 * @has_line: out: whether it is a command line; may be NULL
 *
 * Who lets nobody read the line does not stop this for more than 250 ms, and all of
 * them together for no more than 1 s from commands_begin() on: the name is told then.
 * Return: its command line, else its name, to be freed; NULL if it is gone
 */
char *read_command(pid_t pid, const char *name, bool *has_line);

/**
 * commands_begin() - a look begins, in which read_command() may wait anew
 */
void commands_begin(void);

/* silent.c */

/* How many processes ttmem-metald says have a card open with nothing told of them. */
uint64_t silent_told(const struct metald_card *card);

/**
 * silent_word() - why nothing is told of processes, for programs
 * @snap: the snapshot
 * @use: a card's silent use
 * Return: a word of ttmem-metald's, or metald_not_running; NULL if there are none
 */
const char *silent_word(const struct snapshot *snap, const struct silent_use *use);

/**
 * silent_sentence() - why, and what to do, for people
 * @snap: the snapshot
 * @use: a card's silent use, of at least one process
 * Return: words to stand behind a colon
 */
const char *silent_sentence(const struct snapshot *snap, const struct silent_use *use);

#endif /* TTMEM_SMI_LOOK_H */
