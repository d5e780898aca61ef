// SPDX-License-Identifier: GPL-2.0-only
/*
 * The storm's workers: programs that use ttmem in every way there is, as fast
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
#include <sys/socket.h>
#include <sys/wait.h>

#include "stress.h"

#define THREADS		2
#define KEPT		16
/* How many steps a child goes, at most. */
#define CHILD_STEPS	40

/* A client that a thread has open, and handles of it that may be good still. */
struct client {
	int fd;
	uint32_t chips;
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
	uint64_t handle[KEPT];
};

static uint64_t below(struct life *l, uint64_t end)
{
	return dice_below(&l->dice, end);
}

static int call(int fd, unsigned long request, void *argument)
{
	count(COUNT_OPERATIONS, 1);
	return -st_call(fd, request, argument);
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

static void drop(struct life *l, struct client *c)
{
	close(c->fd);
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

/* ENODEV is for good, and nothing is held any more, whatever was under way. */
static void lose(struct life *l, struct client *c)
{
	struct ttmem_info info = { 0 };

	assert_int_equal(call(c->fd, TTMEM_IOC_INFO, &info), ENODEV);
	assert_int_equal(st_fdinfo(c->fd, "ttmem-reservations", NULL, 0), 0);
	assert_int_equal(st_fdinfo(c->fd, "ttmem-total-chip0-dram", NULL, 0), 0);
	count(COUNT_LOST, 1);
	drop(l, c);
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
	assert_in_range(info.chips, 1, 2);
	return info.chips;
}

static int open_node(struct life *l)
{
	int card = below(l, shared->cards), fd;

	fd = open(st_node(card), O_RDWR | (below(l, 2) ? O_CLOEXEC : 0));

	count(COUNT_OPERATIONS, 1);
	if (fd < 0) {
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
 * Reservations have other tags than gauges, so that the conductor can tell what
 * of a line of the clients file must be found among the reservations.
 */
static void choose_reservation(struct life *l, uint32_t chips, struct ttmem_reserve *r)
{
	static const uint32_t tags[2][3] = {
		{ TTMEM_TAG_BUFFER, TTMEM_TAG_BUFFER, TTMEM_TAG_SYSTEM },
		{ TTMEM_TAG_BUFFER, TTMEM_TAG_L1_SMALL, TTMEM_TAG_SYSTEM },
	};

	memset(r, 0, sizeof(*r));
	r->chip = below(l, chips);
	r->memory = below(l, 2);
	r->tag = tags[r->memory][below(l, 3)];
	r->size = 1 + below(l, 1ull << (6 + below(l, r->memory ? 12 : 18)));
	r->payload = below(l, r->size + 1);
	if (!below(l, 4))
		r->flags |= TTMEM_RESERVE_OVERCOMMIT;
	if (!below(l, 2)) {
		r->flags |= TTMEM_RESERVE_ADDRESS;
		r->address = below(l, 1ull << 40);
	}
	if (!below(l, 2))
		snprintf((char *)r->label, sizeof(r->label), "storm %u", (unsigned int)l->slot);
}

static void do_reserve(struct life *l)
{
	struct client *c = pick(l);
	int n = 1 + below(l, 16), error;
	struct ttmem_reserve r;

	while (c && n--) {
		choose_reservation(l, c->chips, &r);
		error = call(c->fd, TTMEM_IOC_RESERVE, &r);
		if (error == ENODEV) {
			lose(l, c);
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
		if (error == ENODEV) {
			lose(l, c);
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
	if (error == ENODEV)
		lose(l, c);
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
	for (i = 0; i < set.count; i++) {
		gauges[i].chip = below(l, c->chips);
		gauges[i].memory = below(l, 2);
		gauges[i].tag = gauges[i].memory ? TTMEM_TAG_CB : TTMEM_TAG_TRACE;
		gauges[i].bytes = below(l, 4) ? below(l, MIB) : 0;
		gauges[i].largest_free = below(l, MIB);
	}
	error = call(c->fd, TTMEM_IOC_SET, &set);
	if (error == ENODEV)
		lose(l, c);
	else
		assert_int_equal(error, 0);
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
	if (error == ENODEV) {
		lose(l, c);
		return;
	}
	assert_int_equal(error, 0);
	assert_true(info.peak >= info.used);
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
		if (error == ENODEV) {
			lose(l, c);
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

/* Whole, or a piece and not the rest; the card may go while it is open. */
static void do_read_clients(struct life *l)
{
	char path[64], piece[512];
	ssize_t got, last = 0;
	int fd, pieces = below(l, 2) ? 1 + below(l, 4) : 1 << 20;

	count(COUNT_OPERATIONS, 1);
	snprintf(path, sizeof(path), "/proc/driver/ttmem/%d/clients",
		 (int)below(l, shared->cards));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (pieces-- && (got = read(fd, piece, sizeof(piece))) > 0) {
		if (!last)
			assert_memory_equal(piece, "CLIENT ", 7);
		last = got;
	}
	close(fd);
}

/* One's own, or what another process has under some number. */
static void do_read_fdinfo(struct life *l)
{
	struct client *c = pick(l);
	char path[64];

	if (!c)
		return;
	count(COUNT_OPERATIONS, 1);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d",
		 below(l, 2) ? (int)getpid() : (int)getpid() - 4 + (int)below(l, 8), c->fd);
	free(st_slurp(path));
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
	uint64_t handles[24], held = 0;
	struct ttmem_reserve r;
	uint32_t chips;
	int fd;

	fd = open_node(l);
	if (fd < 0)
		return;
	chips = chips_of(fd);
	for (i = 0; chips && i < n && !error; i++) {
		choose_reservation(l, chips, &r);
		error = call(fd, TTMEM_IOC_RESERVE, &r);
		if (!error)
			handles[held++] = r.handle;
		else if (error == EDQUOT || error == ENOSPC)
			error = 0;
	}
	for (i = below(l, held + 1); i > 0 && !error; i--) {
		request.handle = handles[--held];
		error = call(fd, TTMEM_IOC_FREE, &request);
		if (!error && !below(l, 4))
			assert_true(call(fd, TTMEM_IOC_FREE, &request) != 0);
	}
	if (chips && !error)
		error = call(fd, TTMEM_IOC_RESERVATIONS, &list);
	if (chips && !error)
		assert_int_equal(list.total, held);
	if (error)
		assert_int_equal(error, ENODEV);
	close(fd);
}

/* To any worker, itself too; half of the time the sender keeps it. */
static void do_pass(struct life *l)
{
	struct client *c = pick(l);
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct parcel parcel;
	struct iovec iov = { .iov_base = &parcel, .iov_len = sizeof(parcel) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (!c)
		return;
	parcel = (struct parcel){ .chips = c->chips };
	memcpy(parcel.handle, c->handle, sizeof(parcel.handle));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &c->fd, sizeof(c->fd));
	if (sendmsg(shared->slot[below(l, shared->slots)].send, &message, MSG_DONTWAIT) < 0) {
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
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = parcel, .iov_len = sizeof(*parcel) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t got;
	int fd;

	got = recvmsg(shared->slot[slot].receive, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0) {
		assert_int_equal(errno, EAGAIN);
		return -1;
	}
	assert_int_equal(got, sizeof(*parcel));
	header = CMSG_FIRSTHDR(&message);
	assert_non_null(header);
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
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
	char numbers[4][24];

	if (!c || !may_fork(l))
		return;
	l->child = fork();
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
	execl("/proc/self/exe", "stress-heir", "--heir", numbers[0], numbers[1], numbers[2],
	      numbers[3], NULL);
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
	{ do_open, 150 },
	{ do_close, 60 },
	{ do_dup, 30 },
	{ do_reserve, 220 },
	{ do_free, 150 },
	{ do_free_many, 50 },
	{ do_set, 80 },
	{ do_info, 30 },
	{ do_list, 40 },
	{ do_read_file, 40 },
	{ do_read_clients, 5 },
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
	char path[32], *text;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", common);
	text = st_slurp(path);
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
	int error;

	if (below(l, 2)) {
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

void worker(int slot, uint64_t number)
{
	static struct life lives[THREADS];
	/* As somebody else, who may yet open what is root's where there is no udev. */
	uid_t uid = 1000 + slot % 5;
	pthread_t thread;
	int i;

	assert_int_equal(setresuid(uid, 0, 0), 0);
	common = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(common >= 0);
	for (i = 0; i < THREADS; i++) {
		make_life(&lives[i], slot);
		dice_make(&lives[i].dice, 'w', slot * THREADS + i, number);
	}
	for (i = 1; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread, NULL, live_on, &lives[i]), 0);
	live_on(&lives[0]);
}

int worker_heir(char **args)
{
	static struct life l;
	struct client *c;

	make_life(&l, atoi(args[0]));
	dice_make(&l.dice, strtoull(args[1], NULL, 10), 0, 0);
	l.is_child = true;
	c = keep(&l, atoi(args[2]), atoi(args[3]));
	assert_int_equal(fcntl(c->fd, F_SETFD, FD_CLOEXEC), 0);
	live(&l, CHILD_STEPS);
	return 0;
}
