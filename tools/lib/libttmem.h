/* SPDX-License-Identifier: MIT */
/*
 * libttmem: tell the kernel module ttmem what a program holds in the memory of
 * a Tenstorrent card, and read what everybody holds.
 *
 *	struct ttmem_reserve r = { .memory = TTMEM_DRAM, .size = 200 << 20 };
 *	struct ttmem_card *card;
 *
 *	ttmem_open(0, 0, &card);
 *	ttmem_reserve(card, &r, sizeof(r));
 *	...
 *	ttmem_free(card, r.handle);
 *	ttmem_close(card);
 *
 * Errors. Functions return 0, or a negative errno that ttmem_strerror()
 * explains. A program may ignore every one of them: after a failed open the
 * card is NULL, every function takes a NULL card and answers -EBADF, and
 * nothing is printed, with the one exception told at ttmem_open(). So a runtime
 * needs no second path for machines without ttmem. The codes of open:
 *
 *	-ENXIO		no such card; TT-KMD is not loaded, does not drive it,
 *			or ttmem does not follow it
 *	-ENOPKG		the card is there, the module ttmem is not loaded
 *	-ENOTCONN	ttmem follows the card, but its node is not in this
 *			/dev: a container that was not given it
 *	-EACCES		the node is there and may not be opened
 *
 * and of calls on an open card, beside those of the ioctl reference
 * (Documentation/userspace-api/ttmem.rst):
 *
 *	-EBADF		the card is NULL
 *	-ENODEV		the card is gone, or its books were invalidated after
 *			a reset; for good: close it and open it again
 *	-ESRCH		the process that ttmem_attribute() named is gone, and
 *			the books with it; for good: close the card
 *
 * Threads. Every function may be called by any thread at any time, also on the
 * same card; only ttmem_close() must be the last one on its card.
 *
 * Processes. An open card is one client of ttmem, and all that it holds is
 * given back when its last descriptor is closed, whichever way the process
 * ends. fork() shares the client, its counters too: the child may use the card,
 * both hold the same books, and they end with the later of the two. A child
 * that wants books of its own opens the card again; one that does not want
 * those of its parent to go on with it closes the card or calls exec(). exec()
 * closes the descriptor, unless the card was opened with TTMEM_OPEN_INHERIT.
 * Then the books go on as they were: reservations, gauges, and the counters,
 * which the new program does not see and which keep their last values.
 *
 * Growth. Structures grow at their end only. Whoever passes one passes the size
 * that it was compiled with, and neither the library nor the kernel touches
 * what lies behind. So programs and library may be of different versions.
 * Clear a structure before filling it in. Its argsz is set by the library.
 *
 * Sizes are bytes, of all banks of a pool together.
 */
#ifndef LIBTTMEM_H
#define LIBTTMEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ttmem.h"

#ifdef __cplusplus
extern "C" {
/* g++ -Wshadow minds functions with the name of a structure. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/* An open card: one client. */
struct ttmem_card;

/* Keep the descriptor over exec(), for a program that becomes another. */
#define TTMEM_OPEN_INHERIT	(1u << 0)
/* Print nothing, whatever is wrong. */
#define TTMEM_OPEN_QUIET	(1u << 1)

/**
 * ttmem_open() - open a card by its number
 * @number: N of /dev/tenstorrent/N and of tenstorrent!N in sysfs
 * @flags: TTMEM_OPEN_*
 * @card: out: the card, NULL on error
 *
 * The number is TT-KMD's, also in a container that sees the nodes under other
 * names; ttmem_open_fd() is made for those.
 *
 * Where the node is missing from a container or not permitted, a program would
 * be silently absent from the books. So the library then prints one line on
 * stderr, once per process, unless TTMEM_OPEN_QUIET is given or TTMEM_QUIET is
 * in the environment.
 *
 * Thread-safe.
 *
 * Return: 0, -ENXIO, -ENOPKG, -ENOTCONN, -EACCES (see above), -EINVAL for
 * unknown flags, -ENOMEM, -EMFILE, -ENFILE if the card has as many clients as
 * it can have, or -ENODEV if the card went away meanwhile.
 */
int ttmem_open(unsigned int number, unsigned int flags,
	       struct ttmem_card **card);

/**
 * ttmem_open_pci() - open a card by its PCI address
 * @address: as "0000:01:00.0" or, in domain 0, "01:00.0"
 * @flags: TTMEM_OPEN_*
 * @card: out: the card, NULL on error
 *
 * Thread-safe.
 *
 * Return: as ttmem_open(); -EINVAL also for what is no address.
 */
int ttmem_open_pci(const char *address, unsigned int flags,
		   struct ttmem_card **card);

/**
 * ttmem_open_fd() - open the card that an open file of TT-KMD belongs to
 * @fd: a descriptor of /dev/tenstorrent/N, under whatever name it was opened;
 *	only looked at, it stays the caller's
 * @flags: TTMEM_OPEN_*
 * @card: out: the card, NULL on error
 *
 * Thread-safe.
 *
 * Return: as ttmem_open(); -EBADF if @fd is not open, -EINVAL if it is
 * something else than a card of TT-KMD.
 */
int ttmem_open_fd(int fd, unsigned int flags, struct ttmem_card **card);

/**
 * ttmem_close() - close a card and give back all that was held through it
 * @card: the card, may be NULL
 *
 * What is shared with another process (fork, a passed descriptor) is given
 * back when that one closes it too. Its counters are unmapped. Not to be called
 * while another thread uses @card or its counters.
 *
 * Return: 0 or -EBADF.
 */
int ttmem_close(struct ttmem_card *card);

/**
 * ttmem_fd() - the descriptor of an open card
 * @card: the card
 *
 * For poll loops, passing on, and fdinfo. It stays the card's: do not close it.
 * Thread-safe.
 *
 * Return: the descriptor or -EBADF.
 */
int ttmem_fd(const struct ttmem_card *card);

/**
 * ttmem_card_number() - TT-KMD's number of an open card
 * @card: the card
 *
 * Thread-safe.
 *
 * Return: N of tenstorrent!N, or -EBADF.
 */
int ttmem_card_number(const struct ttmem_card *card);

/**
 * ttmem_info() - what a card is, and one of its pools
 * @card: the card
 * @info: in: chip and memory, flags 0; out: the rest, with argsz the size that
 *	the module fills
 * @size: sizeof(*info)
 *
 * Thread-safe.
 *
 * Return: 0, -EBADF, -EINVAL for a chip or memory that the card has not,
 * -ENODEV, -ESRCH.
 */
int ttmem_info(struct ttmem_card *card, struct ttmem_info *info, size_t size);

/**
 * ttmem_reserve() - take bytes of a pool
 * @card: the card
 * @reserve: in: all but the handle; out: the handle
 * @size: sizeof(*reserve)
 *
 * Thread-safe.
 *
 * Return: 0, -EBADF, -EINVAL, -ENOSPC when the pool is full, -EDQUOT when this
 * client would hold more than TTMEM_CLIENT_BYTES_MAX of the pool or more
 * reservations than it may, -ENOMEM, -ENODEV, -ESRCH.
 */
int ttmem_reserve(struct ttmem_card *card, struct ttmem_reserve *reserve,
		  size_t size);

/**
 * ttmem_free() - give back one reservation
 * @card: the card
 * @handle: as ttmem_reserve() gave it
 *
 * Thread-safe.
 *
 * Return: 0, -EBADF, -ENOENT if this client has no such handle, -ENODEV,
 * -ESRCH.
 */
int ttmem_free(struct ttmem_card *card, uint64_t handle);

/**
 * ttmem_free_chip() - give back all of this client on one chip
 * @card: the card
 * @chip: the chip
 * @bytes: out: bytes of reservations and gauges given back; may be NULL
 * @reservations: out: reservations given back; may be NULL
 *
 * Gauges become 0, and so do the counters of ttmem_counters(), one after the
 * other: what another thread adds meanwhile stands or is lost.
 *
 * Thread-safe.
 *
 * Return: 0, also when there was nothing; -EBADF, -EINVAL for a chip that the
 * card has not, -ENODEV, -ESRCH.
 */
int ttmem_free_chip(struct ttmem_card *card, unsigned int chip,
		    uint64_t *bytes, uint64_t *reservations);

/**
 * ttmem_free_all() - give back all of this client on the card
 * @card: the card
 * @bytes: out: bytes of reservations and gauges given back; may be NULL
 * @reservations: out: reservations given back; may be NULL
 *
 * Gauges and counters become 0 as with ttmem_free_chip(). Thread-safe.
 *
 * Return: 0, also when there was nothing; -EBADF, -ENODEV, -ESRCH.
 */
int ttmem_free_all(struct ttmem_card *card, uint64_t *bytes,
		   uint64_t *reservations);

/**
 * ttmem_set() - set gauges, all of them or none
 * @card: the card
 * @gauges: the gauges' new values
 * @count: how many, 1 to TTMEM_SET_MAX
 * @entry_size: sizeof(*gauges)
 *
 * For runtimes that count by themselves: a gauge is absolute and may be set as
 * often as one likes. It is not held against the pool's capacity.
 *
 * Thread-safe.
 *
 * Return: 0, -EBADF, -EINVAL, -EDQUOT when this client would hold more than
 * TTMEM_CLIENT_BYTES_MAX of a pool, -ENOMEM, -ENODEV, -ESRCH.
 */
int ttmem_set(struct ttmem_card *card, const struct ttmem_gauge *gauges,
	      size_t count, size_t entry_size);

/**
 * ttmem_restart_peaks() - let this client's peaks start again at what it holds
 * @card: the card
 *
 * The pools' own peaks stay. Thread-safe.
 *
 * Return: 0, -EBADF, -ENODEV, -ESRCH.
 */
int ttmem_restart_peaks(struct ttmem_card *card);

/**
 * ttmem_attribute() - let this client speak for another process from now on
 * @card: the card, through which nothing is held
 * @pid: the process, as its number is here
 *
 * For a service that keeps the books of programs that do not know ttmem. The
 * client's lines show that process, and its books end with it. Once for each
 * open card. A number may go to another process: open a pidfd of the one that
 * is meant, make the call, and see that the pidfd's process still lives.
 *
 * Thread-safe.
 *
 * Return: 0, -EBADF, -EINVAL for no pid, -EPERM without CAP_SYS_PTRACE for
 * another process than the caller's and for a kernel thread, -ESRCH if there is
 * no such process, -EBUSY if this was done before or something is held,
 * -ENODEV.
 */
int ttmem_attribute(struct ttmem_card *card, pid_t pid);

/**
 * ttmem_counters() - the counters of a card, for programs too hot for a call
 * @card: the card, may be NULL
 *
 * A page shared with the module: a signed number of bytes for each chip, memory
 * and tag. Change them with ttmem_add(). The module reads them when somebody
 * asks what is used, takes what is below 0 for 0, and adds them to the gauge
 * of the same tag. They are not held against the pool's capacity.
 *
 * All calls for one card give the same address, good until ttmem_close(). A
 * card that is NULL, or whose page cannot be mapped when it is first asked for,
 * gets a page of the library's, which all of these share and nobody reads: so
 * a program counts at the same cost, and without asking whether there is
 * anybody to count for. Counters of a card that has gone may still be added to.
 *
 * The page has room for 32 chips: a chip must be below that everywhere.
 *
 * Thread-safe.
 *
 * Return: the counters, never NULL.
 */
int64_t *ttmem_counters(struct ttmem_card *card);

/**
 * ttmem_add() - add to a counter
 * @counters: of ttmem_counters()
 * @chip: the chip, below the card's chips
 * @memory: the memory
 * @tag: what the bytes are for
 * @delta: bytes taken, all banks together; negative for bytes given back
 *
 * One relaxed atomic addition; no call, no branch. Thread-safe.
 */
static inline void ttmem_add(int64_t *counters, unsigned int chip,
			     enum ttmem_memory memory, enum ttmem_tag tag,
			     int64_t delta)
{
	unsigned int i = TTMEM_COUNTER_INDEX(chip, (unsigned int)memory,
					     (unsigned int)tag);

	__atomic_fetch_add(&counters[i], delta, __ATOMIC_RELAXED);
}

/**
 * ttmem_counter_add() - ttmem_add() as a function of the library
 * @counters: as for ttmem_add(), and so all that follow
 * @chip: likewise
 * @memory: likewise
 * @tag: likewise
 * @delta: likewise
 *
 * For languages that cannot take it from this header. Thread-safe.
 */
void ttmem_counter_add(int64_t *counters, unsigned int chip,
		       enum ttmem_memory memory, enum ttmem_tag tag,
		       int64_t delta);

/**
 * ttmem_reservations() - list the reservations of a client
 * @card: the card
 * @client: 0 for those of @card itself, else an id of ttmem_clients()
 * @list: out: an array for ttmem_list_free(), NULL if empty or on error
 * @count: out: entries in @list
 * @entry_size: sizeof(**list)
 *
 * Fetches page after page. Each page is one consistent picture; what a busy
 * client reserves and frees between two pages may or may not be in the list.
 *
 * Thread-safe.
 *
 * Return: 0, -EBADF, -EACCES for a client of another user or of a process that
 * is not visible from here, unless the caller has CAP_SYS_PTRACE, -ENOENT if
 * the card has no such client, -ENOMEM, -ENODEV, -ESRCH.
 */
int ttmem_reservations(struct ttmem_card *card, uint64_t client,
		       struct ttmem_reservation **list, size_t *count,
		       size_t entry_size);

/*
 * What follows reads sysfs and procfs: it needs no open card, no node, and no
 * rights.
 */

/* A memory, tag or source of struct ttmem_client that this library does not know. */
#define TTMEM_UNKNOWN		UINT32_MAX
/* The tag of an entry that tells only a peak: nothing is held there now. */
#define TTMEM_TAG_NONE		(UINT32_MAX - 1)

/* Who tells what a client holds: its process, or another in its name. */
#define TTMEM_SOURCE_SELF	0
#define TTMEM_SOURCE_ATTRIBUTED	1

/**
 * struct ttmem_client - what a client holds on one chip in one memory for one tag
 * @client: the client's id, unique while the module is loaded
 * @card: TT-KMD's number of the card
 * @pid: process that last reserved or set, or that this client was attributed
 *	to; 0 if not visible from here or dead
 * @uid: its effective user, as seen from here
 * @chip: the chip
 * @memory: enum ttmem_memory, or TTMEM_UNKNOWN
 * @tag: enum ttmem_tag, TTMEM_TAG_NONE or TTMEM_UNKNOWN
 * @source: TTMEM_SOURCE_SELF, TTMEM_SOURCE_ATTRIBUTED or TTMEM_UNKNOWN
 * @reserved: 0
 * @bytes: reservations, gauge and counter of this tag
 * @peak: the most bytes that the client ever held of this chip's memory, the
 *	same in each of its entries
 * @reservations: how many reservations, 0 if only a gauge or a counter
 * @command: the process's name with nothing escaped: it may hold any byte but
 *	NUL, and may be empty. "-" if @pid is 0
 */
struct ttmem_client {
	uint64_t client;
	uint32_t card;
	int32_t pid;
	uint32_t uid;
	uint32_t chip;
	uint32_t memory;
	uint32_t tag;
	uint32_t source;
	uint32_t reserved;
	uint64_t bytes;
	uint64_t peak;
	uint64_t reservations;
	const char *command;
};

/**
 * ttmem_clients() - list what all clients of all cards hold
 * @list: out: an array for ttmem_list_free(), NULL if empty or on error; the
 *	commands are part of it
 * @count: out: entries in @list
 * @entry_size: sizeof(**list)
 *
 * In the order of clients, so cards are mixed. The entries of one client are one
 * consistent picture, the whole list is none. Thread-safe.
 *
 * Return: 0; -ENXIO if TT-KMD is not loaded; -ENOPKG; -EOPNOTSUPP if ttmem is
 * loaded and this /proc has no list of its, as one mounted with subset=pid;
 * -ENOMEM, -EINVAL; -EPROTO if the kernel's list cannot be understood, or
 * another negative errno if it cannot be read.
 */
int ttmem_clients(struct ttmem_client **list, size_t *count, size_t entry_size);

/**
 * struct ttmem_card_id - a card that TT-KMD drives
 * @number: N of tenstorrent!N
 * @chips: chips that ttmem keeps books of, 0 if it does not follow the card
 * @pci_domain: PCI address
 * @pci_bus: likewise
 * @pci_device: likewise
 * @pci_function: likewise
 * @reserved: 0
 * @address: the same as text, "0000:01:00.0"
 */
struct ttmem_card_id {
	uint32_t number;
	uint32_t chips;
	uint32_t pci_domain;
	uint8_t pci_bus;
	uint8_t pci_device;
	uint8_t pci_function;
	uint8_t reserved;
	char address[24];
};

/**
 * ttmem_cards() - list the cards that TT-KMD drives
 * @list: out: an array for ttmem_list_free(), by number; NULL if empty or on
 *	error
 * @count: out: entries in @list
 * @entry_size: sizeof(**list)
 *
 * Thread-safe.
 *
 * Return: 0, also when TT-KMD is loaded and has no card; -ENXIO if TT-KMD is
 * not loaded, -EPROTO if what it shows is not understood, -ENOMEM, -EINVAL, or
 * another errno if something could not be read: then not a part of the list is
 * returned.
 */
int ttmem_cards(struct ttmem_card_id **list, size_t *count, size_t entry_size);

/**
 * ttmem_stat() - read a value of a card's memory_stats
 * @number: the card
 * @name: a file of it, as "dram_used" or "chip0/l1_total"
 * @value: out: the value, 0 on error
 *
 * Documentation/ABI/testing/sysfs-driver-ttmem explains each file. Thread-safe.
 * Return: 0, -ENXIO, -ENOPKG, -EINVAL for a name that leads elsewhere, -ENOENT
 * if there is no such file, -EPROTO if it holds no number, or another errno if it
 * could not be read.
 */
int ttmem_stat(unsigned int number, const char *name, uint64_t *value);

/**
 * ttmem_present() - is there anything to talk to
 *
 * Thread-safe.
 *
 * Return: 0 if TT-KMD and ttmem are loaded, -ENXIO without TT-KMD, -ENOPKG
 * without ttmem, or another errno if that cannot be told.
 */
int ttmem_present(void);

/**
 * ttmem_list_free() - free a list that this library gave
 * @list: the list, may be NULL
 *
 * Thread-safe.
 */
void ttmem_list_free(void *list);

/**
 * ttmem_strerror() - a sentence for what a function returned
 * @error: the return value, negative or not
 *
 * It says what was wrong and what to do about it. Thread-safe.
 *
 * Return: a constant string without a full stop, never NULL.
 */
const char *ttmem_strerror(int error);

/**
 * ttmem_version() - the library's own version
 *
 * Return: as "0.1.0"
 */
const char *ttmem_version(void);

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif /* LIBTTMEM_H */
