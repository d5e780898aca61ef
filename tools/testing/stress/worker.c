// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workers of the stress test: programs that use ttmem in every way there is, as fast
 * as they can, and end by kill -9 at any point of it.
 *
 * Each thread has files of its own; clients are shared as they are outside of
 * tests, by fork(), exec() and passing, and then two may free one handle. Every
 * answer is checked against what it may be while cards go and come.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "worker.h"

#define THREADS		2
#define KEPT		16
/* How many steps a child goes, at most. */
#define CHILD_STEPS	40

#define PAGE		4096
/* What a worker in a small memory cgroup may allocate once it has begun, about. */
#define SMALL_ROOM	(64 * 1024)

/*
 * A client that a thread has open, and handles of it that may be good still.
 * What speaks for another process loses all when that one ends.
 */
struct client {
	int fd;
	uint32_t chips;
	bool attributed;
	int64_t *page;
	uint64_t handle[KEPT];
};

/* A thread of a worker, or a child of one. */
struct life {
	struct dice dice;
	int slot;
	bool is_child;
	pid_t child;
	int count;
	struct client *clients;
};

/* What goes with an open file to another worker. */
struct parcel {
	uint32_t chips;
	bool attributed;
	uint64_t handle[KEPT];
};

static uint64_t below(struct life *l, uint64_t end)
{
	return dice_below(&l->dice, end);
}

/*
 * Who works in a small memory cgroup is killed by it now and then, mostly in the middle
 * of a call. Some calls say ENOMEM instead: then it goes too, so that it is all the same.
 */
static bool small;

static int end_if_short(int error)
{
	if (small && error == ENOMEM)
		kill(getpid(), SIGKILL);
	return error;
}

static int call(int fd, unsigned long request, void *argument)
{
	count(COUNT_OPERATIONS, 1);
	return end_if_short(-st_call(fd, request, argument));
}

static struct client *keep(struct life *l, int fd, uint32_t chips)
{
	struct client *c = &l->clients[l->count++];

	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->chips = chips;
	if (!l->is_child)
		atomic_fetch_add(&shared->slot[l->slot].files, 1);
	return c;
}

/* Of the file and its page either may go first: the page keeps the client. */
static void drop(struct life *l, struct client *c)
{
	bool page_first = below(l, 2);

	if (c->page && page_first)
		munmap(c->page, PAGE);
	close(c->fd);
	if (c->page && !page_first) {
		c->page[TTMEM_COUNTER_INDEX(0, TTMEM_L1, TTMEM_TAG_SYSTEM)] = below(l, MIB);
		munmap(c->page, PAGE);
	}
	if (!l->is_child)
		atomic_fetch_sub(&shared->slot[l->slot].files, 1);
	*c = l->clients[--l->count];
}

static void drop_all(struct life *l)
{
	while (l->count)
		drop(l, &l->clients[0]);
}

static struct client *pick(struct life *l)
{
	return l->count ? &l->clients[below(l, l->count)] : NULL;
}

/*
 * ENODEV is for good, and so is ESRCH as long as the card is there; nothing is held any
 * more, whatever was under way.
 */
static void lose(struct life *l, struct client *c, int error)
{
	struct ttmem_info info = { 0 };
	int again = call(c->fd, TTMEM_IOC_INFO, &info);

	assert_true(error == ENODEV || c->attributed);
	assert_true(again == error || again == ENODEV);
	assert_int_equal(st_fdinfo(c->fd, "ttmem-reservations", NULL, 0), 0);
	assert_int_equal(st_fdinfo(c->fd, "ttmem-total-chip0-dram", NULL, 0), 0);
	count(COUNT_LOST, 1);
	drop(l, c);
}

static bool is_lost(int error)
{
	return error == ENODEV || error == ESRCH;
}

/*
 * The chips of a new client's card; 0 if it has gone meanwhile. It may be another
 * one than was asked for, which got the node's device number in between.
 */
static uint32_t chips_of(int fd)
{
	struct ttmem_info info = { 0 };
	int error = call(fd, TTMEM_IOC_INFO, &info);

	if (error == ENODEV)
		return 0;
	assert_int_equal(error, 0);
	assert_true(info.card < (uint32_t)shared->cards);
	assert_between(info.chips, 1, 2);
	return info.chips;
}

static int open_node(struct life *l)
{
	int card = below(l, shared->cards), fd;

	fd = open(st_node(card), O_RDWR | (below(l, 2) ? O_CLOEXEC : 0));

	count(COUNT_OPERATIONS, 1);
	if (fd < 0) {
		end_if_short(errno);
		/* The card is not there, or is coming, or going. */
		if (errno != ENOENT && errno != ENXIO && errno != ENODEV)
			fail_msg("open of card %d: %s", card, strerror(errno));
		return -1;
	}
	count(COUNT_OPENED, 1);
	return fd;
}

static struct client *open_client(struct life *l)
{
	uint32_t chips;
	int fd;

	if (l->count == shared->files)
		return NULL;
	fd = open_node(l);
	if (fd < 0)
		return NULL;
	chips = chips_of(fd);
	if (!chips) {
		close(fd);
		return NULL;
	}
	return keep(l, fd, chips);
}

static void do_open(struct life *l)
{
	open_client(l);
}

static void do_close(struct life *l)
{
	struct client *c = pick(l);

	if (c)
		drop(l, c);
}

/* The same client under another number. */
static void do_dup(struct life *l)
{
	struct client *c = pick(l);
	int fd;

	if (!c)
		return;
	fd = fcntl(c->fd, below(l, 2) ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	assert_true(fd >= 0);
	close(c->fd);
	c->fd = fd;
}

/*
 * Reservations, gauges and counters have tags of their own each, so that the main process
 * can tell what of a line of the list must be found among the reservations, and what
 * stands in the client's page: counters are what is told as system.
 */
static void choose_reservation(struct life *l, uint32_t chips, struct ttmem_reserve *r)
{
	static const uint32_t tags[2][2] = {
		{ TTMEM_TAG_BUFFER, TTMEM_TAG_BUFFER },
		{ TTMEM_TAG_BUFFER, TTMEM_TAG_L1_SMALL },
	};

	memset(r, 0, sizeof(*r));
	r->chip = below(l, chips);
	r->memory = below(l, 2);
	r->tag = tags[r->memory][below(l, 2)];
	r->size = 1 + below(l, 1ull << (6 + below(l, r->memory ? 12 : 18)));
	r->payload = below(l, r->size + 1);
	if (!below(l, 4))
		r->flags |= TTMEM_RESERVE_OVERCOMMIT;
	if (!below(l, 2)) {
		r->flags |= TTMEM_RESERVE_ADDRESS;
		r->address = below(l, 1ull << 40);
	}
	if (!below(l, 2))
		snprintf((char *)r->label, sizeof(r->label), "stress %u", (unsigned int)l->slot);
}

static void do_reserve(struct life *l)
{
	struct client *c = pick(l);
	int n = 1 + below(l, 16), error;
	struct ttmem_reserve r;

	while (c && n--) {
		choose_reservation(l, c->chips, &r);
		error = call(c->fd, TTMEM_IOC_RESERVE, &r);
		if (is_lost(error)) {
			lose(l, c, error);
			return;
		}
		if (error == EDQUOT || (error == ENOSPC && !(r.flags & TTMEM_RESERVE_OVERCOMMIT)))
			continue;
		assert_int_equal(error, 0);
		assert_true(r.handle);
		c->handle[below(l, KEPT)] = r.handle;
	}
}

static void do_free(struct life *l)
{
	struct client *c = pick(l);
	int n = 1 + below(l, 8), error;
	struct ttmem_free request = { 0 };

	while (c && n--) {
		request.handle = c->handle[below(l, KEPT)];
		error = call(c->fd, TTMEM_IOC_FREE, &request);
		if (is_lost(error)) {
			lose(l, c, error);
			return;
		}
		/* Freed before, by whoever shares the client. */
		assert_true(!error || error == ENOENT);
	}
}

static void do_free_many(struct life *l)
{
	struct client *c = pick(l);
	struct ttmem_free request = { .flags = TTMEM_FREE_ALL };
	int error;

	if (!c)
		return;
	if (below(l, 2)) {
		request.flags = TTMEM_FREE_CHIP;
		request.chip = below(l, c->chips);
	}
	error = call(c->fd, TTMEM_IOC_FREE, &request);
	if (is_lost(error))
		lose(l, c, error);
	else
		assert_int_equal(error, 0);
}

static void do_set(struct life *l)
{
	struct client *c = pick(l);
	struct ttmem_gauge gauges[8] = { 0 };
	struct ttmem_set set = {
		.gauges = (uintptr_t)gauges,
		.entry_size = sizeof(gauges[0]),
	};
	uint32_t i;
	int error;

	if (!c)
		return;
	set.count = 1 + below(l, ARRAY_SIZE(gauges));
	if (!below(l, 8)) {
		set.flags = TTMEM_SET_RESTART_PEAKS;
		set.count = below(l, ARRAY_SIZE(gauges));
	}
	for (i = 0; i < set.count; i++) {
		gauges[i].chip = below(l, c->chips);
		gauges[i].memory = below(l, 2);
		gauges[i].tag = gauges[i].memory ? TTMEM_TAG_CB : TTMEM_TAG_TRACE;
		gauges[i].bytes = below(l, 4) ? below(l, MIB) : 0;
		gauges[i].largest_free = below(l, MIB);
	}
	error = call(c->fd, TTMEM_IOC_SET, &set);
	if (is_lost(error))
		lose(l, c, error);
	else
		assert_int_equal(error, 0);
}

/* A new client speaks for a worker, maybe this one, maybe one that is just ending. */
static void do_attribute(struct life *l)
{
	struct client *c = open_client(l);
	int slot = below(l, 4) ? (int)below(l, shared->slots) : l->slot, error;
	struct ttmem_attribute request = { .pid = atomic_load(&shared->slot[slot].pid) };

	if (!c || request.pid <= 0)
		return;
	error = call(c->fd, TTMEM_IOC_ATTRIBUTE, &request);
	c->attributed = !error;
	if (error == ENODEV) {
		lose(l, c, error);
		return;
	}
	/* EPERM: the number has become one of the kernel's threads. */
	assert_true(!error || error == ESRCH || error == EPERM);
	if (error)
		return;
	count(COUNT_ATTRIBUTED, 1);
	error = call(c->fd, TTMEM_IOC_ATTRIBUTE, &request);
	if (is_lost(error))
		lose(l, c, error);
	else
		assert_int_equal(error, EBUSY);
}

static int64_t *map_page(int fd, size_t size, int sharing, off_t at)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing, fd, at);

	count(COUNT_OPERATIONS, 1);
	if (map == MAP_FAILED) {
		end_if_short(errno);
		return NULL;
	}
	return map;
}

static void do_map(struct life *l)
{
	struct client *c = pick(l);

	if (!c)
		return;
	if (!below(l, 4)) {
		assert_null(map_page(c->fd, PAGE + 1, MAP_SHARED, 0));
		assert_null(map_page(c->fd, PAGE, MAP_SHARED, PAGE));
		assert_null(map_page(c->fd, PAGE, MAP_PRIVATE, 0));
		assert_true(errno == EINVAL || is_lost(errno));
	}
	if (c->page)
		return;
	c->page = map_page(c->fd, PAGE, MAP_SHARED, 0);
	if (!c->page)
		assert_true(is_lost(errno));
	else
		count(COUNT_MAPPED, 1);
}

/* Also cells that nobody reads, and below 0. */
static void do_count(struct life *l)
{
	struct client *c = pick(l);
	int n = 1 + below(l, 16);
	int64_t *cell, value;

	if (!c || !c->page)
		return;
	while (n--) {
		cell = &c->page[TTMEM_COUNTER_INDEX(below(l, c->chips), below(l, 2),
						    TTMEM_TAG_SYSTEM)];
		value = below(l, MIB) - MIB / 4;
		if (!below(l, 16))
			c->page[TTMEM_COUNTER_INDEX(2 + below(l, 30), below(l, 2), below(l, 8))] =
				below(l, UINT64_MAX);
		else if (below(l, 4))
			__atomic_fetch_add(cell, value, __ATOMIC_RELAXED);
		else
			*cell = value;
		count(COUNT_OPERATIONS, 1);
	}
}

static void do_info(struct life *l)
{
	struct client *c = pick(l);
	struct ttmem_info info = { 0 };
	int error;

	if (!c)
		return;
	info.chip = below(l, c->chips);
	info.memory = below(l, 2);
	error = call(c->fd, TTMEM_IOC_INFO, &info);
	if (is_lost(error)) {
		lose(l, c, error);
		return;
	}
	assert_int_equal(error, 0);
	assert_true(info.card < (uint32_t)shared->cards);
}

/* All pages, or some, of this client or of any. */
static void do_list(struct life *l)
{
	struct client *c = pick(l);
	struct ttmem_reservation entries[64];
	struct ttmem_reservations list = { 0 };
	uint32_t room = below(l, ARRAY_SIZE(entries) + 1);
	int pages = 8, error;

	if (!c)
		return;
	list.client = below(l, 2) ? below(l, shared->count[COUNT_OPENED] + 1) : 0;
	list.entries = (uintptr_t)entries;
	list.entry_size = sizeof(entries[0]);
	do {
		list.start = list.next;
		list.count = room;
		error = call(c->fd, TTMEM_IOC_RESERVATIONS, &list);
		if (is_lost(error)) {
			lose(l, c, error);
			return;
		}
		if (list.client && error == ENOENT)
			return;
		assert_int_equal(error, 0);
		assert_true(list.count <= room && list.count <= list.total);
	} while (list.next && --pages);
}

static void do_read_file(struct life *l)
{
	static const char *const names[] = {
		"dram_total", "dram_used", "dram_free", "dram_peak", "dram_system_used",
		"l1_used", "l1_cb_used", "clients", "reservations", "denied", "l1_banks",
	};
	const char *path = st_path(below(l, shared->cards), (int)below(l, 3) - 1,
				   names[below(l, ARRAY_SIZE(names))]);

	count(COUNT_OPERATIONS, 1);
	free(st_slurp(path));
}

/* Whole, or a piece and not the rest; cards may go while it is open. */
static void do_read_clients(struct life *l)
{
	int fd, pieces = below(l, 2) ? 1 + below(l, 4) : 1 << 20;
	ssize_t got, last = 0;
	char piece[512];

	count(COUNT_OPERATIONS, 1);
	fd = open(ST_LIST, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		end_if_short(errno);
		return;
	}
	while (pieces-- && (got = read(fd, piece, sizeof(piece))) > 0) {
		if (!last)
			assert_memory_equal(piece, "CARD CLIENT ", 12);
		last = got;
	}
	close(fd);
}

/*
 * As somebody who may not look into processes, where proc hides them: of others there is
 * neither a number nor a name, but all bytes.
 */
static void do_read_hidden(struct life *l)
{
	char line[512], source[16], command[16];
	uid_t me = getuid();
	long long pid, uid;
	bool first = true;
	FILE *file;
	int fields;

	(void)l;
	count(COUNT_OPERATIONS, 1);
	/* Of this thread alone. */
	assert_int_equal(syscall(SYS_setresuid, -1, me, -1), 0);
	file = fopen(HIDING_PROC "/driver/ttmem/clients", "re");
	assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (!first && strchr(line, '\n')) {
			fields = sscanf(line, "%*u %*u %lld %lld %*u %*s %*s %*u %*u %*u %15s %15s",
					&pid, &uid, source, command);
			assert_int_equal(fields, 4);
			if (uid != me) {
				assert_int_equal(pid, 0);
				assert_int_equal(uid, 65534);
				assert_string_equal(command, "-");
			}
		}
		first = false;
	}
	fclose(file);
}

/* One's own, or what another process has under some number. */
static void do_read_fdinfo(struct life *l)
{
	struct client *c = pick(l);
	int pid = getpid();

	if (!c)
		return;
	count(COUNT_OPERATIONS, 1);
	if (!below(l, 2))
		pid += (int)below(l, 8) - 4;
	free(st_slurp(st_text("/proc/%d/fdinfo/%d", pid, c->fd)));
}

/*
 * What a client that nobody shares is told to hold of a pool: its reservations and its
 * counter, which may say anything. Returns 0 or what the client answers.
 */
static int check_exact_counter(struct life *l, int fd, uint32_t chip, uint32_t memory,
			       uint64_t reserved)
{
	static const int64_t values[] = {
		0, 1, -1, 4096, INT64_MIN, INT64_MAX, TTMEM_CLIENT_BYTES_MAX + 1,
	};
	int64_t value = values[below(l, ARRAY_SIZE(values))];
	uint64_t counted = value < 0 ? 0 : value, total;
	struct ttmem_info info = { 0 };
	char key[40];
	int64_t *page;
	int error;

	page = map_page(fd, PAGE, MAP_SHARED, 0);
	if (!page)
		return errno;
	page[TTMEM_COUNTER_INDEX(chip, memory, TTMEM_TAG_SYSTEM)] = value;
	if (counted > TTMEM_CLIENT_BYTES_MAX - reserved)
		counted = TTMEM_CLIENT_BYTES_MAX - reserved;
	snprintf(key, sizeof(key), "ttmem-total-chip%u-%s", chip, memory ? "l1" : "dram");
	total = st_fdinfo(fd, key, NULL, 0);
	error = call(fd, TTMEM_IOC_INFO, &info);
	/* Alive after, so it was before. */
	if (!error)
		assert_int_equal(total, reserved + counted);
	munmap(page, PAGE);
	return error;
}

/*
 * A client that nobody shares: it holds what it was told to and nothing else,
 * or has lost all of it.
 */
static void do_exact_life(struct life *l)
{
	struct ttmem_reservations list = { .entry_size = sizeof(struct ttmem_reservation) };
	int n = below(l, 24), i, error = 0;
	struct ttmem_free request = { 0 };
	struct ttmem_reserve made[24];
	uint64_t held = 0, bytes = 0;
	uint32_t chips, chip, memory;
	int fd;

	fd = open_node(l);
	if (fd < 0)
		return;
	chips = chips_of(fd);
	for (i = 0; chips && i < n && !error; i++) {
		choose_reservation(l, chips, &made[held]);
		error = call(fd, TTMEM_IOC_RESERVE, &made[held]);
		if (!error)
			held++;
		else if (error == EDQUOT || error == ENOSPC)
			error = 0;
	}
	for (i = below(l, held + 1); i > 0 && !error; i--) {
		request.handle = made[--held].handle;
		error = call(fd, TTMEM_IOC_FREE, &request);
		if (!error && !below(l, 4))
			assert_true(call(fd, TTMEM_IOC_FREE, &request) != 0);
	}
	if (chips && !error)
		error = call(fd, TTMEM_IOC_RESERVATIONS, &list);
	if (chips && !error)
		assert_int_equal(list.total, held);
	if (chips && !error && below(l, 2)) {
		chip = below(l, chips);
		memory = below(l, 2);
		for (i = 0; i < (int)held; i++)
			if (made[i].chip == chip && made[i].memory == memory)
				bytes += made[i].size;
		error = check_exact_counter(l, fd, chip, memory, bytes);
	}
	if (error)
		assert_int_equal(error, ENODEV);
	close(fd);
}

/* To any worker, itself too; half of the time the sender keeps it. */
static void do_pass(struct life *l)
{
	struct client *c = pick(l);
	struct parcel parcel;

	if (!c)
		return;
	parcel = (struct parcel){ .chips = c->chips, .attributed = c->attributed };
	memcpy(parcel.handle, c->handle, sizeof(parcel.handle));
	if (st_send_with_fd(shared->slot[below(l, shared->slots)].send, c->fd, &parcel,
			    sizeof(parcel), MSG_DONTWAIT) < 0) {
		end_if_short(errno);
		/* Nobody fetches there as fast as others send. */
		assert_true(errno == EAGAIN || errno == ETOOMANYREFS);
		return;
	}
	count(COUNT_PASSED, 1);
	if (below(l, 2))
		drop(l, c);
}

/* An open file that was sent to a slot, or -1. */
static int receive(int slot, struct parcel *parcel)
{
	ssize_t got;
	int fd;

	got = st_receive_with_fd(shared->slot[slot].receive, &fd, parcel, sizeof(*parcel),
				 MSG_DONTWAIT);
	if (got < 0) {
		assert_int_equal(errno, EAGAIN);
		return -1;
	}
	assert_int_equal(got, sizeof(*parcel));
	assert_true(fd >= 0);
	return fd;
}

static void do_receive(struct life *l)
{
	struct parcel parcel;
	struct client *c;
	int fd;

	if (l->count == shared->files)
		return;
	fd = receive(l->slot, &parcel);
	if (fd < 0)
		return;
	c = keep(l, fd, parcel.chips);
	c->attributed = parcel.attributed;
	memcpy(c->handle, parcel.handle, sizeof(c->handle));
}

void worker_drain(int slot)
{
	struct parcel parcel;
	int fd;

	while ((fd = receive(slot, &parcel)) >= 0)
		close(fd);
}

void worker_check_end(pid_t pid, int status)
{
	if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		fail_msg("process %d of a worker ended with status %#x", (int)pid, status);
}

static void live(struct life *l, uint64_t steps);

static void begin_child(struct life *l)
{
	dice_make(&l->dice, l->dice.stream, l->dice.step, 1);
	l->is_child = true;
	dice_step(&l->dice);
}

/* With one child at a time, one that has ended or not. */
static bool may_fork(struct life *l)
{
	int status;

	if (l->is_child)
		return false;
	if (l->child) {
		if (!waitpid(l->child, &status, WNOHANG))
			return false;
		worker_check_end(l->child, status);
		l->child = 0;
	}
	return true;
}

/* The child has all that this thread has, and what others of the process have as well. */
static void do_fork(struct life *l)
{
	if (!may_fork(l))
		return;
	l->child = fork();
	if (l->child < 0)
		end_if_short(errno);
	assert_true(l->child >= 0);
	if (l->child) {
		count(COUNT_FORKED, 1);
		return;
	}
	begin_child(l);
	live(l, 1 + below(l, CHILD_STEPS));
	if (below(l, 2))
		kill(getpid(), SIGKILL);
	_exit(0);
}

/* Another program, with one of the clients, and others that are not closed on exec. */
static void do_exec(struct life *l)
{
	struct client *c = pick(l);
	char numbers[5][24];

	if (!c || !may_fork(l))
		return;
	l->child = fork();
	if (l->child < 0)
		end_if_short(errno);
	assert_true(l->child >= 0);
	if (l->child) {
		count(COUNT_EXECED, 1);
		return;
	}
	begin_child(l);
	fcntl(c->fd, F_SETFD, 0);
	snprintf(numbers[0], sizeof(numbers[0]), "%d", l->slot);
	snprintf(numbers[1], sizeof(numbers[1]), "%" PRIu64, l->dice.stream);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", c->fd);
	snprintf(numbers[3], sizeof(numbers[3]), "%u", c->chips);
	snprintf(numbers[4], sizeof(numbers[4]), "%d", c->attributed);
	execl("/proc/self/exe", "stress-heir", "--heir", numbers[0], numbers[1], numbers[2],
	      numbers[3], numbers[4], NULL);
	end_if_short(errno);
	fail_msg("exec: %s", strerror(errno));
}

static void do_die(struct life *l)
{
	if (!below(l, 64))
		kill(getpid(), SIGKILL);
}

/* How often of a thousand a thread does what. */
static const struct deed {
	void (*act)(struct life *l);
	unsigned int often;
} deeds[] = {
	{ do_open, 120 },
	{ do_attribute, 28 },
	{ do_close, 60 },
	{ do_dup, 30 },
	{ do_reserve, 200 },
	{ do_free, 130 },
	{ do_free_many, 40 },
	{ do_set, 60 },
	{ do_map, 40 },
	{ do_count, 30 },
	{ do_info, 30 },
	{ do_list, 40 },
	{ do_read_file, 40 },
	{ do_read_clients, 5 },
	{ do_read_hidden, 2 },
	{ do_read_fdinfo, 20 },
	{ do_exact_life, 30 },
	{ do_pass, 40 },
	{ do_receive, 40 },
	{ do_fork, 4 },
	{ do_exec, 1 },
	{ do_die, 10 },
};

static void act(struct life *l)
{
	unsigned int at = below(l, 1000);
	const struct deed *deed;

	for (deed = deeds; at >= deed->often; deed++)
		at -= deed->often;
	deed->act(l);
}

/*
 * The client that the threads of a process have in common, and their handles of
 * it, all of them everybody's. Its number stays; another client takes its place
 * when it is lost.
 */
static int common;
static atomic_ullong common_handle[8];

static void renew_common(struct life *l)
{
	int fd = open_node(l);

	if (fd < 0)
		return;
	assert_int_equal(dup2(fd, common), common);
	close(fd);
}

/* What is no client answers ENOTTY. */
static void forget_common(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, common), common);
	close(fd);
}

/* Another thread may have renewed it meanwhile, but what is lost holds nothing. */
static void check_common(void)
{
	char *text = st_slurp(st_text("/proc/self/fdinfo/%d", common));

	if (text && strstr(text, "ttmem-state:") && !strstr(text, "ttmem-state:\tlive"))
		assert_non_null(strstr(text, "ttmem-reservations:\t0\n"));
	free(text);
}

/*
 * For a while the threads of one process are alone, so that they run at the
 * same time, and do to one client what two may do to it.
 */
static void brawl(struct life *l)
{
	atomic_ullong *place = &common_handle[below(l, ARRAY_SIZE(common_handle))];
	struct ttmem_reserve reserve;
	struct ttmem_free request = { 0 };
	int64_t *page;
	int error;

	if (!below(l, 16)) {
		page = map_page(common, PAGE, MAP_SHARED, 0);
		error = page ? 0 : errno;
		if (page) {
			page[TTMEM_COUNTER_INDEX(0, TTMEM_DRAM, TTMEM_TAG_SYSTEM)] = below(l, MIB);
			munmap(page, PAGE);
		}
	} else if (below(l, 2)) {
		choose_reservation(l, 1, &reserve);
		error = call(common, TTMEM_IOC_RESERVE, &reserve);
		if (!error)
			atomic_store(place, reserve.handle);
	} else {
		request.handle = atomic_load(place);
		if (!below(l, 256)) {
			request.handle = 0;
			request.flags = TTMEM_FREE_ALL;
		}
		error = call(common, TTMEM_IOC_FREE, &request);
	}
	if (error == ENODEV)
		check_common();
	if (error == ENODEV || error == ENOTTY)
		renew_common(l);
	else
		assert_true(!error || error == ENOENT || error == ENOSPC || error == EDQUOT);
}

/* A module is to go, which it can while nobody has a file open: so only short lives. */
static void let_go(struct life *l)
{
	drop_all(l);
	forget_common();
	worker_drain(l->slot);
	usleep(below(l, 200000));
	if (atomic_load(&shared->let_go) == 1)
		do_exact_life(l);
}

static void live(struct life *l, uint64_t steps)
{
	while (steps--) {
		int alone = atomic_load(&shared->brawl) - 1;

		dice_step(&l->dice);
		if (atomic_load(&shared->let_go)) {
			if (l->is_child)
				break;
			let_go(l);
		} else if (alone < 0 || l->is_child) {
			act(l);
		} else if (alone == l->slot) {
			brawl(l);
		} else {
			usleep(20000);
		}
	}
	drop_all(l);
}

static void *live_on(void *l)
{
	live(l, UINT64_MAX);
	return NULL;
}

static void make_life(struct life *l, int slot)
{
	memset(l, 0, sizeof(*l));
	l->slot = slot;
	l->clients = calloc(shared->files, sizeof(*l->clients));
	assert_non_null(l->clients);
}

static void limit_memory(int slot)
{
	char *text = st_slurp(st_cgroup_path(group_of(slot), "memory.current")), max[24];

	assert_non_null(text);
	snprintf(max, sizeof(max), "%llu", strtoull(text, NULL, 10) + SMALL_ROOM);
	free(text);
	assert_int_equal(st_write(st_cgroup_path(group_of(slot), "memory.max"), max), 0);
}

void worker(int slot, uint64_t number)
{
	static struct life lives[THREADS];
	/* As somebody else, who may yet open what is root's where there is no udev. */
	uid_t uid = 1000 + slot % 5;
	pthread_t thread;
	int i;

	assert_int_equal(setresuid(uid, 0, 0), 0);
	small = slot_is_small(slot);
	common = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(common >= 0);
	for (i = 0; i < THREADS; i++) {
		make_life(&lives[i], slot);
		dice_make(&lives[i].dice, 'w', slot * THREADS + i, number);
	}
	for (i = 1; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread, NULL, live_on, &lives[i]), 0);
	if (small)
		limit_memory(slot);
	live_on(&lives[0]);
}

int worker_heir(char **args)
{
	static struct life l;
	struct client *c;

	make_life(&l, atoi(args[0]));
	dice_make(&l.dice, strtoull(args[1], NULL, 10), 0, 0);
	l.is_child = true;
	small = slot_is_small(l.slot);
	c = keep(&l, atoi(args[2]), atoi(args[3]));
	c->attributed = atoi(args[4]);
	assert_int_equal(fcntl(c->fd, F_SETFD, FD_CLOEXEC), 0);
	live(&l, CHILD_STEPS);
	return 0;
}
