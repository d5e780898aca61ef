/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ttmem-account: a line for each client that ended. ring.c has the kernel's trace
 * buffers, page.c what stands in them; processes.c remembers the control groups of
 * those who opened a card, users.c how much each user may write; store.c is the log.
 */
#ifndef TTMEM_ACCOUNT_H
#define TTMEM_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "account_log.h"
#include "internal.h"

#define NSEC_PER_SEC	1000000000ull
#define NSEC_PER_MSEC	1000000ull

/* Room for a command as the event has it, TASK_COMM_LEN, and more. */
#define COMMAND_SIZE	64
/* A longer control group is cut off, which a plus at its end tells. */
#define CGROUP_SIZE	1024

/* page.c */

/**
 * struct part - where something stands in a record or in a page's head
 * @offset: from its begin
 * @size: bytes
 */
struct part {
	unsigned int offset;
	unsigned int size;
};

/**
 * struct page_layout - a page of the ring buffer, as the kernel describes it
 * @timestamp: of its first event
 * @commit: how many bytes of data there are, and flags
 * @data: the events; the end of it is the page's size
 */
struct page_layout {
	struct part timestamp;
	struct part commit;
	struct part data;
};

/**
 * struct page_lost - what was overwritten before a page
 * @lost: something was
 * @known: how much is known
 * @events: how many events
 */
struct page_lost {
	bool lost;
	bool known;
	uint64_t events;
};

enum event_kind { EVENT_BEGIN, EVENT_ATTRIBUTE, EVENT_END, EVENT_KINDS };

/* Where an event has its fields. What an event has not, has a size of 0. */
struct event_layout {
	uint64_t id;
	struct part type, card, client, pid, uid, begin, end, peak[2][2], command;
};

struct event {
	enum event_kind kind;
	uint64_t time;		/* ns of the ring's clock, which is that since boot */
	uint32_t card;
	uint64_t client;
	pid_t pid;
	uid_t uid;
	uint64_t begin;		/* ns since boot; of EVENT_END, as what follows */
	uint64_t end;
	uint64_t peak[2][2];	/* bytes, by chip and memory */
	char command[COMMAND_SIZE];
};

extern const char * const event_names[EVENT_KINDS];

/**
 * page_layout_parse() - understand the file header_page
 * @text: the file
 * @layout: out
 * Return: whether it is one that this program can read
 */
bool page_layout_parse(const char *text, struct page_layout *layout);

/**
 * event_layout_parse() - understand an event's file format
 * @text: the file
 * @kind: which event it is of
 * @layout: out
 * Return: whether it has all that is needed
 */
bool event_layout_parse(const char *text, enum event_kind kind, struct event_layout *layout);

/**
 * page_read() - take the events out of a page
 * @layout: of pages
 * @page: the page
 * @size: how many bytes of it there are
 * @lost: out: what was overwritten before it
 * @record: called for each record, with the time and what it was given
 * @arg: for it
 *
 * Nothing that stands in the page makes it read behind @size.
 * Return: whether the page was understood to its end
 */
bool page_read(const struct page_layout *layout, const void *page, size_t size,
	       struct page_lost *lost,
	       void (*record)(uint64_t time, const void *data, size_t len, void *arg),
	       void *arg);

/**
 * event_read() - understand a record
 * @layout: of each kind
 * @time: when
 * @data: the record
 * @len: its bytes
 * @event: out
 * Return: false if it is of none of these kinds, or cut off
 */
bool event_read(const struct event_layout layout[EVENT_KINDS], uint64_t time, const void *data,
		size_t len, struct event *event);

/* ring.c */

/**
 * ring_open() - make an instance of tracefs of one's own, or take over one left behind
 * @kib: how many KiB of events each processor keeps
 *
 * What a killed ttmem-account left unread is read.
 * Return: whether there is one; what is wrong has been said
 */
bool ring_open(unsigned long kib);

/**
 * ring_attend() - see to it that the events are recorded, if ttmem is loaded
 * @anew: out: they were not until now, so clients are counted from 1 again
 *
 * To be called now and then: it may have been loaded anew.
 * Return: whether they are
 */
bool ring_attend(bool *anew);

/**
 * ring_wait() - wait until there is something to read
 * @timeout_ms: or this time has passed
 */
void ring_wait(int timeout_ms);

/**
 * ring_read() - read what all processors have recorded until now
 * @event: called for each event
 * Return: how many events were lost, since it was called last
 */
uint64_t ring_read(void (*event)(const struct event *event));

/**
 * ring_stop() - end the recording; what there is can still be read
 */
void ring_stop(void);

/**
 * ring_close() - remove the instance
 * Return: whether it is gone; what is wrong has been said
 */
bool ring_close(void);

/* users.c */

/**
 * struct user - one who may write into the log; all user ids that /etc/subuid gives
 * to one name are one
 * @next: in the table
 * @key: of user_key()
 * @processes: of his that processes.c remembers
 * @lines: that he may write at once, by thousandths
 * @filled: when that was computed, ns
 * @left_out: clients of his that were not written down
 * @left_out_begin: of the first of them, ns since boot
 * @left_out_end: of the last
 * @left_out_since: ns, since when
 */
struct user {
	struct user *next;
	uint32_t key;
	unsigned int processes;
	uint64_t lines;
	uint64_t filled;
	uint64_t left_out;
	uint64_t left_out_begin;
	uint64_t left_out_end;
	uint64_t left_out_since;
};

/* The key of those who have none of their own, as there are too many. */
#define USER_OTHERS	UINT32_MAX

/**
 * users_limit() - say how much each may write
 * @per_minute: lines in the long run; ten times that at once
 */
void users_limit(unsigned long per_minute);

/**
 * users_read_subuid() - read /etc/subuid, if it is another one than before
 */
void users_read_subuid(void);

/**
 * user_key() - who a user id belongs to
 * @uid: the user id
 * Return: the id itself, or the first of those given to the same name
 */
uint32_t user_key(uid_t uid);

/**
 * user_of() - find or make a user
 * @uid: one of his ids
 * @now: ns
 * Return: the user
 */
struct user *user_of(uid_t uid, uint64_t now);

/**
 * user_may_write() - take a line of what a user may write
 * @user: the user
 * @now: ns
 * Return: false if he has written as much as he may
 */
bool user_may_write(struct user *user, uint64_t now);

/**
 * user_leave_out() - count a client that is not written down
 * @user: whose it is
 * @begin: ns since boot
 * @end: likewise
 * @now: ns
 */
void user_leave_out(struct user *user, uint64_t begin, uint64_t end, uint64_t now);

/**
 * users_tell() - write down what was left out
 * @now: ns; of each, at most once a minute
 * @all: without waiting for the minute
 */
void users_tell(uint64_t now, bool all);

/* processes.c */

/**
 * process_seen() - note the control group of a process that has begun a client
 * @event: the client's begin or whom it speaks for
 * @now: ns
 */
void process_seen(const struct event *event, uint64_t now);

/**
 * process_cgroup() - tell it
 * @event: the client's end
 * Return: the control group, ACCOUNT_NO_CGROUP if it is not known
 */
const char *process_cgroup(const struct event *event);

/**
 * processes_next_round() - a process seen again from now on is looked at again
 */
void processes_next_round(void);

/**
 * processes_forget_all() - forget them, as clients get other numbers now
 */
void processes_forget_all(void);

/**
 * processes_forget() - forget those that are gone for a while
 * @now: ns
 */
void processes_forget(uint64_t now);

/* store.c */

/**
 * store_open() - open the log
 * @bytes: so many may stand in it in all
 * Return: whether it is open; what is wrong has been said
 */
bool store_open(uint64_t bytes);

/**
 * store_client() - write down a client
 * @event: its end
 * @cgroup: its process's control group
 */
void store_client(const struct event *event, const char *cgroup);

/**
 * store_left_out() - write down that clients were not written down
 * @uid: whose they were, a user's key
 * @count: how many
 * @begin: of the first, ns since boot
 * @end: of the last
 */
void store_left_out(uint32_t uid, uint64_t count, uint64_t begin, uint64_t end);

/**
 * store_lost() - write down that the kernel's buffer was too small
 * @events: how many events are lost
 */
void store_lost(uint64_t events);

/**
 * store_mark() - write down that the service began or ended
 * @what: "start" or "stop"
 */
void store_mark(const char *what);

/* What is told in ACCOUNT_STATE, since the begin. */
struct totals {
	uint64_t clients;
	uint64_t left_out;
	uint64_t lost;
	uint64_t unwritten;
};

extern struct totals totals;

/* cards.c */

/**
 * struct card - which card a number is; what is not known is empty
 * @address: PCI address
 * @board: board, as n300
 * @serial: serial number, as TT-KMD tells it
 * @asic: the ASIC's id, likewise
 * @inode: of its directory in sysfs, which no other has
 */
struct card {
	char address[24];
	char board[32];
	char serial[24];
	char asic[24];
	ino_t inode;
};

/**
 * card_of() - which card it is, as long as it is there and after
 * @number: TT-KMD's number
 * Return: the card
 */
const struct card *card_of(unsigned int number);

/* main.c */

/**
 * say() - say something in the log of the machine; not too often
 * @format: as printf()
 */
void __attribute__((format(printf, 1, 2))) say(const char *format, ...);

/**
 * out_of_memory() - give up for lack of memory
 */
void __attribute__((noreturn)) out_of_memory(void);

/**
 * now_ns() - the time of the events
 * Return: ns since boot
 */
uint64_t now_ns(void);

#endif /* TTMEM_ACCOUNT_H */
