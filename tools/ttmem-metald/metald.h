/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-metald: what the files share.
 *
 *	cards.c		the cards
 *	openers.c	who has them open
 *	processes.c	what those are
 *	regions.c	which of tt-metal's regions they have mapped (maps.c, lines.c)
 *	tracker.c	what stands in these (layout.h)
 *	chips.c		which card and chip each is about
 *	descriptor.c	UMD's description of a machine
 *	tell.c		tells the kernel
 *	report.c	tells people
 *	main.c		options and the loop
 */
#ifndef TTMEM_METALD_H
#define TTMEM_METALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "internal.h"
#include "silence.h"
#include "layout.h"

/* Where metald keeps its files; only a test is compiled with others. */
#ifndef TTMEM_RUN
#define TTMEM_RUN	"/run/ttmem"
#endif
#ifndef TTMEM_ETC
#define TTMEM_ETC	"/etc/ttmem"
#endif

#define NSEC_PER_SEC	1000000000ull
#define NSEC_PER_MSEC	1000000ull

/* ttmem's own bound of the chips of a card. */
#define CARD_CHIPS	2

/* The most regions of a process; a mesh of 32 chips has 32. */
#define PROCESS_REGIONS	64

/* So long after its start a process is looked at with more care, in ns. */
#define PROCESS_YOUNG	(10 * NSEC_PER_SEC)

/**
 * struct card - a card that TT-KMD drives
 * @id: as libttmem tells it; @id.chips is 0 if ttmem does not follow it
 * @devt: the device number of TT-KMD's node
 * @asic_id: tt_asic_id in sysfs, 0 if it is not told
 * @serial: tt_serial, likewise
 * @pci_device: its PCI device id
 * @pids: TT-KMD's list of who has it open, -1 if that is not open
 * @clients_file: how many clients hold something on it, in sysfs; likewise
 * @inherited: so many in that list have ended, and their files are others'
 * @open: a process has it open
 * @own: our clients that hold something on it
 * @clients: all clients that held something at the last look
 * @retry: when its node may be opened again after that has failed, ns
 * @error: why it could not be opened, 0 if it could
 */
struct card {
	struct ttmem_card_id id;
	dev_t devt;
	uint64_t asic_id;
	uint64_t serial;
	uint64_t pci_device;
	int pids;
	int clients_file;
	uint64_t inherited;
	bool open;
	uint64_t own;
	uint64_t clients;
	uint64_t retry;
	int error;
};

/* All cards, by number; cards_read() renews them. */
extern struct card *cards;
extern size_t cards_count;
/* TT-KMD's lists of processes have our numbers of all of them. */
extern bool cards_list_pids;

/* Why the bytes of a region are not known. */
enum region_state {
	REGION_NEW,		/* not read yet, or not set up by its owner */
	REGION_READ,
	REGION_NO_ENTRY,	/* the process has none in it, yet */
	REGION_FULL,		/* nor could it: all are taken */
	REGION_STALE,		/* its entry is older than the process */
	REGION_LAYOUT,		/* a version that is not known */
	REGION_UNREADABLE,	/* too short, or an error */
};

/**
 * struct region - a region of tt-metal's that a process has mapped
 * @id: UMD's unique id of the chip, out of the name
 * @dev: device of the file
 * @ino: the file's number there
 * @fd: the file, open for reading
 * @order: tt-metal's own number of the chip
 * @slot: where the process's entry stands, -1 if not known
 * @fresh: that entry is known to be this process's
 * @waits: not told until @stamp is another than @since: its card's books were
 *	invalidated
 * @since: the stamp at that time
 * @state: how the last read went
 * @version: of the layout
 * @stamp: the entry's
 * @bytes: the entry's, 0 unless @state is REGION_READ
 * @card: the card it is placed on, -1 if none
 * @chip: the chip there
 */
struct region {
	uint64_t id;
	dev_t dev;
	ino_t ino;
	int fd;
	int32_t order;
	int slot;
	bool fresh;
	bool waits;
	enum region_state state;
	uint32_t version;
	uint64_t since;
	uint64_t stamp;
	uint64_t bytes[LAYOUT_KINDS];
	int card;
	unsigned int chip;
};

/**
 * struct opened - a card that a process has open, and what is told there of it
 * @number: the card's
 * @seen: found in the list that is being read
 * @self: the process has a client of its own that holds something
 * @silenced: on that chip, so nothing is told of it there
 * @holds: what was told last is not all 0
 * @id: our client's id
 * @client: our client, NULL if there is none
 * @told: what was told last
 */
struct opened {
	unsigned int number;
	bool seen;
	bool self;
	bool silenced[CARD_CHIPS];
	bool holds;
	uint64_t id;
	struct ttmem_card *client;
	uint64_t told[CARD_CHIPS][LAYOUT_KINDS];
};

struct user;

/**
 * struct process - a process that has a card open
 * @pid: its number here
 * @inner: its number in its own pid namespace
 * @user: whose it is
 * @turn: its place among the user's processes
 * @dir: /proc/PID, -1 if it is not open
 * @pidfd: to see it end, -1 until something is told of it
 * @fds: open files that it costs
 * @boot: when it began, ns of CLOCK_BOOTTIME
 * @monotonic: likewise of its own CLOCK_MONOTONIC
 * @realtime: likewise of CLOCK_REALTIME
 * @look: the last look in which it was looked at
 * @checked: when it was seen whether its maps have changed, ns of
 *	CLOCK_MONOTONIC, 0 if not yet
 * @pages: its size in statm then
 * @placed: the generation of chips in which its regions were placed
 * @disabled: its environment turns tt-metal's tracking off; -1 if not looked at,
 *	-2 if that is under way
 * @examined: what does not change about it is known
 * @beyond: it is one too many of its user's
 * @logged: it was told of in the log
 * @logged_self: so was that it tells by itself
 * @limited: its user may not cost what its regions would
 * @unreadable: it has mapped what is called as a region, and that is none
 * @gone: has ended, to be forgotten
 * @opened: the cards that it has open
 * @opened_count: how many
 * @region: its regions
 * @regions: how many
 * @comm: its name
 */
struct process {
	pid_t pid;
	pid_t inner;
	struct user *user;
	TAILQ_ENTRY(process) turn;
	int dir;
	int pidfd;
	unsigned int fds;
	uint64_t boot;
	uint64_t monotonic;
	uint64_t realtime;
	uint64_t look;
	uint64_t checked;
	uint64_t pages;
	unsigned int placed;
	signed char disabled;
	bool examined;
	bool beyond;
	bool logged;
	bool logged_self;
	bool limited;
	bool unreadable;
	bool gone;
	struct opened *opened;
	size_t opened_count;
	struct region *region;
	size_t regions;
	char comm[16];
};

TAILQ_HEAD(process_list, process);

/**
 * struct user - a user who has processes
 * @uid: the real one of theirs; before they are examined, that of /proc/PID
 * @fds: open files that they cost
 * @logged: so was told in the log
 * @processes: the processes, the one to look at next first
 * @count: how many
 * @left: those not looked at yet in this look
 * @node: among the users
 */
struct user {
	uid_t uid;
	unsigned int fds;
	bool logged;
	struct process_list processes;
	size_t count;
	size_t left;
	TAILQ_ENTRY(user) node;
};

TAILQ_HEAD(users, user);
extern struct users users;

/* Do what follows for each process @p; it may not forget any. */
#define for_each_process(u, p) \
	TAILQ_FOREACH(u, &users, node) \
		TAILQ_FOREACH(p, &u->processes, turn)

/* main.c */

uint64_t now_ns(void);
/* What we have used of the processor, by which costs are limited, in ns. */
uint64_t busy_ns(void);
void __attribute__((format(printf, 1, 2))) say(const char *format, ...);
void __attribute__((noreturn)) out_of_memory(void);
void *more(void *list, size_t count, size_t size);

/**
 * write_whole() - write a file that a reader finds whole, the old one or the new
 * @path: the file
 * @write: writes it
 * @arg: for @write
 * Return: 0 or a negative errno
 */
int write_whole(const char *path, void (*write)(FILE *file, void *arg), void *arg);

/**
 * watch_end() - have the loop call process_ended() when a process ends
 * @p: the process, with a pidfd
 * Return: whether that can be done
 */
bool watch_end(struct process *p);

/**
 * unwatch_end() - undo watch_end(), before the pidfd is closed
 * @p: the process
 *
 * To close it is not enough: what environ_read() forks has the file for a moment too,
 * and until then the loop would be told of a process that is forgotten.
 */
void unwatch_end(struct process *p);
void process_ended(struct process *p);

/* cards.c */

/**
 * cards_read() - read anew which cards there are
 *
 * What is counted about each stays.
 *
 * Return: whether they changed
 */
bool cards_read(void);
struct card *card_find(unsigned int number);
/* How many clients hold something on a card; false if that cannot be read now. */
bool card_clients(struct card *c, uint64_t *clients);

/* openers.c */

/**
 * openers_find() - find who has a card open, and forget who has not any more
 * @budget: what it may cost to look through processes, in ns: the next time goes on
 */
void openers_find(uint64_t budget);

/* processes.c */

/**
 * process_add() - take note of a process
 * @pid: its number
 *
 * That is cheap, as somebody may have very many: it is examined when its turn comes.
 * Return: NULL if there is no such process
 */
struct process *process_add(pid_t pid);

/**
 * process_examine() - learn what does not change about a process
 * @p: the process, which becomes the one of who runs it; gone is set if it has
 *	ended, beyond if it is one too many of its user's
 */
void process_examine(struct process *p);
struct process *process_find(pid_t pid);
struct opened *process_opened(struct process *p, unsigned int number);
void process_forget(struct process *p);
bool process_young(const struct process *p);

/**
 * process_charge() - count an open file that is about to be made for a process
 * @p: the process
 * @fds: 1, or -1 if it was closed
 * Return: false if that is more than its user may cost; nothing is counted then
 */
bool process_charge(struct process *p, int fds);
bool user_is_full(const struct user *u);
/* How many files we may have open in all. */
void processes_limit(unsigned int files);

/* regions.c */

/**
 * regions_read() - find which regions a process has mapped, if that is due
 * @p: the process; gone is set if it has ended
 */
void regions_read(struct process *p);
void region_drop(struct process *p, struct region *r);
/* Take what was read late; before each look. */
void regions_poll(void);
/* Whether something is being read. */
bool regions_pending(void);

/* tracker.c */

/**
 * tracker_read() - read what a region tells of a process
 * @p: the process
 * @r: a region that it has mapped; what is known of it is renewed
 */
void tracker_read(const struct process *p, struct region *r);

/**
 * tracker_parse() - find a process's entry in a whole region
 * @data: LAYOUT_SIZE bytes
 * @p: the process
 * @r: out: all that was read
 */
void tracker_parse(const unsigned char *data, const struct process *p,
		   struct region *r);

/* chips.c */

/**
 * chips_read() - read the map files again, if they have changed
 */
void chips_read(void);
/* A card has come or gone: all that was placed is to be placed again. */
void chips_changed(void);
extern unsigned int chips_generation;

/**
 * chips_place() - place all regions of a process on cards and chips
 * @p: the process
 */
void chips_place(struct process *p);

/**
 * chips_write() - write the map file from UMD's description of the machine
 * @descriptor: a file in YAML
 * Return: 0, or 1 after it was said what is wrong
 */
int chips_write(const char *descriptor);

/* descriptor.c */

/* A chip as UMD's description has it: what is not told is -1, or empty. */
struct described {
	int64_t chip;		/* UMD's number */
	uint64_t id;		/* the unique one, 0 if not told */
	int64_t card;		/* N, of a chip that PCI reaches */
	int64_t board;		/* index of its board */
	char address[24];	/* the PCI function's */
};

/**
 * descriptor_read() - read UMD's description of a machine
 * @file: YAML
 * @list: out: the chips, to be freed
 * @count: out: how many
 * @why: out: what is wrong
 * @why_size: room there
 * Return: whether it could be understood
 */
bool descriptor_read(FILE *file, struct described **list, size_t *count,
		     char *why, size_t why_size);

/* tell.c */

/**
 * tell() - tell the kernel what is known of a process
 * @p: the process; gone is set if it has ended
 */
void tell(struct process *p);
void tell_end(struct process *p, struct opened *o);
/*
 * See which processes tell by themselves: they have a client that is not ours. With
 * @once we have none, and those that speak for a process are of a running metald.
 */
void tell_look_around(bool once);

/* environ.c */

/*
 * See whether the environment of a process turns tt-metal's tracking off: disabled is
 * set then, or later.
 */
void environ_read(struct process *p);
void environ_poll(void);

/* report.c */

/* Write metald.json, once a second. */
void report(double interval);
void report_end(void);
void report_once(bool json);

#endif /* TTMEM_METALD_H */
