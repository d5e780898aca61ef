// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carries out a program, tells what it reached and whether a call answered
 * what the reference does not know.
 *
 * What is given to calls lies in an arena of pages that are mapped more than
 * once: writable, readable, half and half, and where a thread of ours takes
 * them away and puts them back all the time. So each kind of pointer can have
 * the same bytes behind it. It lies low, for 32-bit calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define PAGE		4096ul
#define ARENA		(64 * PAGE)
#define MIDDLE		(ARENA / 2)
#define NESTED		(4 * PAGE)	/* where arrays begin, behind the structure */

/* The same pages four times, and none; with nothing around any of them. */
#define PLAIN		0x10000000ul
#define READONLY	0x11000000ul
#define HALF		0x12000000ul
#define TOGGLED		0x13000000ul
#define UNMAPPED	0x14000000ul

/* Where mappings of the node lie: nothing else comes there when one is gone. */
#define PAGES		0x15000000ul
#define PAGES_STRIDE	0x100000ul
#define CELLS		(PAGE / sizeof(int64_t))

#define HANDLES		16
#define CHILDREN	4

/* From linux/kcov.h. */
#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0
#define KCOV_PLACES	(1 << 14)

/**
 * struct kcov - what one task reached
 * @fd: the kernel's
 * @area: how many, and the places
 */
struct kcov {
	int fd;
	uint64_t *area;
};

/* The program's own task, the one beside it, and a child. */
enum task { TASK_MAIN, TASK_BESIDE, TASK_CHILD, TASKS };

struct child {
	pid_t pid;
	int sock;
	bool traced;
};

static struct kcov kcov[TASKS];
static reached_fn tell_reached;
static result_fn tell_result;
static __thread enum task task;
static __thread int fail_fd = -1;

/* Of the program that runs. */
static int files[FILES_MAX];
static uint64_t handles[HANDLES];
static unsigned int handle_count;
static struct child children[CHILDREN];
static unsigned int child_count;
static pid_t last_dead;
static size_t page_size[PAGES_MAX];
static struct program fitted;
static char wrong[512];
static FILE *tracing;

static struct {
	sem_t go, done;
	const struct program *program;
	unsigned int from, to;
	bool busy;
} beside;

static struct {
	sem_t go;
	int users;
} toggling;

/* Pointers. */

static int arena, spliced[2];

static void *toggle(void *unused)
{
	void *const at = (void *)TOGGLED;
	const int all = PROT_READ | PROT_WRITE;

	(void)unused;
	for (;;) {
		sem_wait(&toggling.go);
		while (__atomic_load_n(&toggling.users, __ATOMIC_RELAXED)) {
			mprotect(at, ARENA, PROT_NONE);
			sched_yield();
			mprotect(at, ARENA, PROT_READ);
			sched_yield();
			mprotect(at, ARENA, all);
			sched_yield();
			munmap(at, ARENA);
			sched_yield();
			mmap(at, ARENA, all, MAP_SHARED | MAP_FIXED, arena, 0);
		}
	}
	return NULL;
}

static void toggle_begin(enum place place)
{
	if (place != AT_TOGGLED)
		return;
	if (!__atomic_fetch_add(&toggling.users, 1, __ATOMIC_RELAXED))
		sem_post(&toggling.go);
}

static void toggle_end(enum place place)
{
	if (place == AT_TOGGLED)
		__atomic_fetch_sub(&toggling.users, 1, __ATOMIC_RELAXED);
}

/**
 * struct spot - where something lies
 * @address: what the call is given
 * @bytes: the same bytes, for us to write and read
 * @room: how many of them there are
 */
struct spot {
	uintptr_t address;
	uint8_t *bytes;
	size_t room;
};

static struct spot spot_at(enum place where, uint64_t cut, size_t from)
{
	struct spot spot;
	size_t at = from + cut % PAGE;
	uintptr_t base = PLAIN;

	switch (where) {
	case AT_READONLY:
		base = READONLY;
		break;
	case AT_EDGE:
		at = ARENA - cut % ARENA;
		break;
	case AT_ROEDGE:
		base = HALF;
		at = MIDDLE - cut % MIDDLE;
		break;
	case AT_TOGGLED:
		base = TOGGLED;
		break;
	default:
		break;
	}
	spot.bytes = (uint8_t *)PLAIN + at;
	spot.room = ARENA - at;
	spot.address = base + at;
	switch (where) {
	case AT_NULL:
		spot.address = 0;
		break;
	case AT_UNMAPPED:
		spot.address = UNMAPPED + cut;
		break;
	case AT_KERNEL:
		spot.address = 0xffff888000000000ul + cut;
		break;
	case AT_WILD:
		/* Neither the user's nor the kernel's half; or the last of all addresses. */
		spot.address = cut & 1 ? -cut : 0x00007ffffffff000ul + cut;
		break;
	default:
		break;
	}
	return spot;
}

static void put(const struct spot *spot, size_t at, const void *data, size_t size)
{
	if (at >= spot->room)
		return;
	memcpy(spot->bytes + at, data, size < spot->room - at ? size : spot->room - at);
}

static void fill(const struct spot *spot, size_t from, size_t to, uint8_t byte)
{
	if (to > spot->room)
		to = spot->room;
	if (from < to)
		memset(spot->bytes + from, byte, to - from);
}

/* Calls. */

static long answer(long ret)
{
	return ret < 0 ? -errno : ret;
}

static void fail_next(const struct op *op, bool begin)
{
	char text[12] = "0";

	if (!op->arg[F_NTH] || fail_fd < 0)
		return;
	if (begin)
		snprintf(text, sizeof(text), "%u", (unsigned int)op->arg[F_NTH] % 1000);
	/* To read what is written here may be what fails. */
	while (pwrite(fail_fd, text, strlen(text), 0) < 0)
		;
}

static long compat_ioctl(int fd, unsigned int request, unsigned int argument)
{
#if defined(__x86_64__)
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(54), "b"((long)fd), "c"((long)request), "d"((long)argument)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
#else
	return answer(ioctl(fd, request, argument));
#endif
}

static uint64_t one_of_held(const struct op *op)
{
	unsigned int n = op->arg[F_HELD];

	if (!n || n > handle_count)
		return op->arg[F_HANDLE];
	return handles[(handle_count - n) % HANDLES] + op->arg[F_HANDLE];
}

static uint64_t client_id(int fd)
{
	char text[1024], *at;

	if (st_read(st_text("/proc/self/fdinfo/%d", fd), text, sizeof(text)))
		return 0;
	at = strstr(text, "ttmem-client-id:");
	return at ? strtoull(at + 16, NULL, 10) : 0;
}

static void make_label(uint8_t *label, enum label kind)
{
	memset(label, 0, TTMEM_LABEL_SIZE);
	switch (kind) {
	case LABEL_SHORT:
		memcpy(label, "kv cache", 8);
		break;
	case LABEL_FULL:
		memset(label, '~', TTMEM_LABEL_SIZE - 1);
		break;
	case LABEL_OPEN:
		memset(label, ' ', TTMEM_LABEL_SIZE);
		break;
	case LABEL_CONTROL:
		memcpy(label, "a\nb", 3);
		break;
	case LABEL_HIGH:
		memcpy(label, "a\x7f\xff", 3);
		break;
	default:
		break;
	}
}

/* The array of a SET. Entry @bad has a chip that no card has. */
static void make_gauges(const struct op *op, const struct spot *nested, size_t stride)
{
	const uint64_t *arg = op->arg;
	uint64_t i;

	for (i = 0; i < arg[F_COUNT] && i < 2 * TTMEM_SET_MAX && i * stride < nested->room; i++) {
		struct ttmem_gauge gauge = {
			.chip = arg[F_CHIP],
			.memory = arg[F_MEMORY],
			.tag = arg[F_TAG],
			.bytes = arg[F_BYTES] + i * arg[F_STEP],
			.largest_free = arg[F_LARGEST],
		};

		/* Over chips, memories and tags that are there. */
		if (arg[F_STEP] & 1) {
			gauge.memory = i & 1;
			gauge.tag = i & 1 ? (i & 2 ? TTMEM_TAG_CB : TTMEM_TAG_L1_SMALL) : i / 2 % 3;
		}
		if (arg[F_BAD] == i + 1)
			gauge.reserved = 1;
		put(nested, i * stride, &gauge, sizeof(gauge));
		if (stride > sizeof(gauge))
			fill(nested, i * stride + sizeof(gauge), (i + 1) * stride, arg[F_TAIL]);
	}
}

static pid_t pid_of(enum who who)
{
	switch (who) {
	case WHO_CHILD:
		return child_count ? children[child_count - 1].pid : getpid();
	case WHO_PARENT:
		return getppid();
	case WHO_THREAD:
		return gettid();
	case WHO_DEAD:
		return last_dead ?: 0x3ffffe;
	case WHO_INIT:
		return 1;
	case WHO_KERNEL:
		return 2;
	case WHO_ZERO:
		return 0;
	case WHO_NEGATIVE:
		return -getpid();
	case WHO_HUGE:
		return INT32_MAX;
	default:
		return getpid();
	}
}

/* Of a call that may not exist. */
struct other {
	uint32_t argsz;
	uint32_t flags;
	uint64_t value;
};

/* Make the argument of a call in @data; returns its size. */
static size_t make_argument(const struct op *op, void *data, struct spot *nested)
{
	const uint64_t *arg = op->arg;

	switch (op->kind) {
	case OP_INFO:
		*(struct ttmem_info *)data = (struct ttmem_info){
			.argsz = sizeof(struct ttmem_info) + arg[F_EXTRA],
			.flags = arg[F_FLAGS],
			.chip = arg[F_CHIP],
			.memory = arg[F_MEMORY],
		};
		return sizeof(struct ttmem_info);
	case OP_RESERVE: {
		struct ttmem_reserve *req = data;

		*req = (struct ttmem_reserve){
			.argsz = sizeof(*req) + arg[F_EXTRA],
			.flags = arg[F_FLAGS],
			.chip = arg[F_CHIP],
			.memory = arg[F_MEMORY],
			.tag = arg[F_TAG],
			.reserved = arg[F_RESERVED],
			.size = arg[F_SIZE],
			.payload = arg[F_PAYLOAD],
			.address = arg[F_ADDRESS],
			.cookie = arg[F_ADDRESS] ^ arg[F_SIZE],
		};
		make_label(req->label, arg[F_LABEL]);
		return sizeof(*req);
	}
	case OP_FREE:
		*(struct ttmem_free *)data = (struct ttmem_free){
			.argsz = sizeof(struct ttmem_free) + arg[F_EXTRA],
			.flags = arg[F_FLAGS],
			.handle = one_of_held(op),
			.chip = arg[F_CHIP],
			.reserved = arg[F_RESERVED],
		};
		return sizeof(struct ttmem_free);
	case OP_SET:
		*nested = spot_at(arg[F_NESTED], arg[F_NCUT], NESTED);
		*(struct ttmem_set *)data = (struct ttmem_set){
			.argsz = sizeof(struct ttmem_set) + arg[F_EXTRA],
			.flags = arg[F_FLAGS],
			.gauges = nested->address,
			.count = arg[F_COUNT],
			.entry_size = sizeof(struct ttmem_gauge) + arg[F_STRIDE],
		};
		make_gauges(op, nested, (uint32_t)(sizeof(struct ttmem_gauge) + arg[F_STRIDE]));
		return sizeof(struct ttmem_set);
	case OP_LIST:
		*nested = spot_at(arg[F_NESTED], arg[F_NCUT], NESTED);
		*(struct ttmem_reservations *)data = (struct ttmem_reservations){
			.argsz = sizeof(struct ttmem_reservations) + arg[F_EXTRA],
			.flags = arg[F_FLAGS],
			.client = arg[F_CLIENT],
			.start = one_of_held(op),
			.entries = nested->address,
			.count = arg[F_COUNT],
			.entry_size = sizeof(struct ttmem_reservation) + arg[F_STRIDE],
		};
		if (arg[F_OF])
			((struct ttmem_reservations *)data)->client +=
				client_id(files[arg[F_OF] - 1]);
		return sizeof(struct ttmem_reservations);
	case OP_ATTRIBUTE:
		*(struct ttmem_attribute *)data = (struct ttmem_attribute){
			.argsz = sizeof(struct ttmem_attribute) + arg[F_EXTRA],
			.flags = arg[F_FLAGS],
			.pid = pid_of(arg[F_WHO]),
			.reserved = arg[F_RESERVED],
		};
		return sizeof(struct ttmem_attribute);
	default:
		*(struct other *)data = (struct other){
			.argsz = sizeof(struct other) + arg[F_EXTRA],
			.value = arg[F_VALUE],
		};
		return sizeof(struct other);
	}
}

/* The errors that the reference knows, and those of a file that is no node's. */
static bool answer_known(enum op_kind kind, long ret)
{
	switch (-ret) {
	case 0:
	case EBADF:
	case ENOTTY:
	case EINVAL:
	case E2BIG:
	case EFAULT:
	case ENODEV:
	case ESRCH:
		return true;
	case ENOMEM:
		return kind != OP_INFO && kind != OP_FREE && kind != OP_ATTRIBUTE;
	case ENOSPC:
		return kind == OP_RESERVE || kind == OP_CALL;
	case EDQUOT:
		return kind == OP_RESERVE || kind == OP_SET || kind == OP_CALL;
	case ENOENT:
		return kind == OP_FREE || kind == OP_LIST || kind == OP_CALL;
	case EACCES:
		return kind == OP_LIST || kind == OP_CALL;
	case EBUSY:
	case EPERM:
		return kind == OP_ATTRIBUTE || kind == OP_CALL;
	default:
		return false;
	}
}

static long do_call(const struct op *op)
{
	static const unsigned int numbers[OP_KINDS] = {
		[OP_INFO] = TTMEM_IOC_INFO,
		[OP_RESERVE] = TTMEM_IOC_RESERVE,
		[OP_FREE] = TTMEM_IOC_FREE,
		[OP_SET] = TTMEM_IOC_SET,
		[OP_LIST] = TTMEM_IOC_RESERVATIONS,
		[OP_ATTRIBUTE] = TTMEM_IOC_ATTRIBUTE,
	};
	const uint64_t *arg = op->arg;
	uint64_t data[16] = { }, times = arg[F_TIMES] % 2048 ?: 1;
	struct spot at = spot_at(arg[F_AT], arg[F_CUT], 0), nested = { };
	size_t size = make_argument(op, data, &nested), argsz = (uint32_t)(size + arg[F_EXTRA]);
	unsigned int number = numbers[op->kind];
	long ret = 0;

	if (op->kind == OP_CALL)
		number = _IOC(arg[F_DIR] & 3, arg[F_TYPE] & 0xff, arg[F_NR] & 0xff,
			      arg[F_BITS] & 0x3fff);
	while (times--) {
		put(&at, 0, data, size);
		if (argsz > size)
			fill(&at, size, argsz < 2 * PAGE ? argsz : 2 * PAGE, arg[F_TAIL]);
		toggle_begin(arg[F_AT]);
		toggle_begin(arg[F_NESTED]);
		fail_next(op, true);
		if (arg[F_COMPAT] && machine.compat)
			ret = compat_ioctl(files[arg[F_FD]], number, at.address);
		else
			ret = answer(ioctl(files[arg[F_FD]], number, at.address));
		fail_next(op, false);
		toggle_end(arg[F_NESTED]);
		toggle_end(arg[F_AT]);

		if (!answer_known(op->kind, ret) && !wrong[0])
			snprintf(wrong, sizeof(wrong), "%s answered %ld (%s)",
				 kind_name(op->kind), ret, ret < 0 ? strerror(-ret) : "no error");
		if (op->kind == OP_RESERVE && !ret && at.room >= sizeof(struct ttmem_reserve)) {
			unsigned int slot = __atomic_fetch_add(&handle_count, 1, __ATOMIC_RELAXED);

			memcpy(&handles[slot % HANDLES],
			       at.bytes + offsetof(struct ttmem_reserve, handle),
			       sizeof(handles[0]));
		}
	}
	return ret;
}

static void set_file(unsigned int slot, int fd)
{
	if (files[slot] >= 0)
		close(files[slot]);
	files[slot] = fd;
}

static long do_open(const struct op *op)
{
	static const int flags[] = { O_RDWR, O_RDONLY, O_WRONLY, O_PATH };
	const char *path = file_path(op);
	int fd, error;

	fail_next(op, true);
	fd = open(path, flags[op->arg[F_ACCESS] % ARRAY_SIZE(flags)] | O_CLOEXEC | O_NONBLOCK);
	error = errno;
	fail_next(op, false);
	if (fd < 0 && error == EACCES && !op->arg[F_ACCESS]) {
		/* Most files can only be read, one only written. */
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = open(path, O_WRONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return -error;
	set_file(op->arg[F_FD], fd);
	return 0;
}

/* Through a socket, where for a moment nobody has it but the socket. */
static long do_pass(const struct op *op)
{
	char byte = 0;
	long ret = 0;
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (st_send_with_fd(pair[0], files[op->arg[F_FD]], &byte, 1, MSG_DONTWAIT) < 0) {
		ret = -errno;
	} else {
		set_file(op->arg[F_FD], -1);
		/* One that is thrown away with the socket is an end of the file too. */
		if (op->arg[F_TO] && st_receive_with_fd(pair[1], &fd, &byte, 1, MSG_DONTWAIT) > 0)
			set_file(op->arg[F_TO], fd);
	}
	close(pair[0]);
	close(pair[1]);
	return ret;
}

static size_t make_text(char *text, size_t size, const struct op *op)
{
	uint64_t value = op->arg[F_VALUE];

	switch (op->arg[F_FORM]) {
	case FORM_HEX:
		return snprintf(text, size, "0x%" PRIx64, value);
	case FORM_NEGATIVE:
		return snprintf(text, size, "-%" PRIu64, value);
	case FORM_NEWLINE:
		return snprintf(text, size, "%" PRIu64 "\n", value);
	case FORM_EMPTY:
		return 0;
	case FORM_JUNK:
		return snprintf(text, size, "%" PRIu64 "junk", value);
	case FORM_BLANK:
		return snprintf(text, size, " %" PRIu64 " ", value);
	case FORM_NUL:
		return snprintf(text, size, "%" PRIu64, value) + 1;
	case FORM_LONG:
		memset(text, '0', size);
		return size;
	default:
		return snprintf(text, size, "%" PRIu64, value);
	}
}

static long do_write(const struct op *op)
{
	char text[PAGE + 8];
	size_t size = make_text(text, sizeof(text), op);
	struct spot at = spot_at(op->arg[F_AT], 0, 0);
	long ret;

	put(&at, 0, text, size);
	toggle_begin(op->arg[F_AT]);
	fail_next(op, true);
	if (op->arg[F_OFFSET])
		ret = answer(pwrite(files[op->arg[F_FD]], (void *)at.address, size,
				    op->arg[F_OFFSET]));
	else
		ret = answer(write(files[op->arg[F_FD]], (void *)at.address, size));
	fail_next(op, false);
	toggle_end(op->arg[F_AT]);
	return ret > 0 ? 0 : ret;
}

static long do_read(const struct op *op)
{
	struct spot at = spot_at(op->arg[F_AT], op->arg[F_CUT], 0);
	uint64_t times = op->arg[F_TIMES] % 256 ?: 1;
	size_t size = op->arg[F_LENGTH];
	long ret = 0;

	/* Reads past the arena's end are for the kernel to find. */
	while (times--) {
		toggle_begin(op->arg[F_AT]);
		fail_next(op, true);
		if (op->arg[F_OFFSET])
			ret = answer(pread(files[op->arg[F_FD]], (void *)at.address, size,
					   op->arg[F_OFFSET]));
		else
			ret = answer(read(files[op->arg[F_FD]], (void *)at.address, size));
		fail_next(op, false);
		toggle_end(op->arg[F_AT]);
	}
	return ret > 0 ? 1 : ret;
}

static long do_fdinfo(const struct op *op)
{
	const char *path = st_text("/proc/self/fdinfo/%d", files[op->arg[F_FD]]);
	struct spot at = spot_at(AT_PLAIN, 0, NESTED);
	long ret;
	int fd;

	fail_next(op, true);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
	} else {
		ret = answer(pread(fd, (void *)at.address, op->arg[F_LENGTH] % (ARENA / 2),
				   op->arg[F_OFFSET]));
		close(fd);
	}
	fail_next(op, false);
	return ret > 0 ? 1 : ret;
}

static long do_poll(const struct op *op)
{
	struct pollfd pollfd = { .fd = files[op->arg[F_FD]], .events = POLLIN | POLLOUT };
	long ret = answer(poll(&pollfd, 1, 0));

	return ret > 0 ? pollfd.revents : ret;
}

/* The counter page. */

static void *page_at(unsigned int page)
{
	return (void *)(PAGES + page * PAGES_STRIDE);
}

static long do_munmap(unsigned int page)
{
	size_t size = page_size[page];

	page_size[page] = 0;
	return size ? answer(munmap(page_at(page), size)) : -EINVAL;
}

/* It stays mapped, also when the file is closed, and children have it. */
static long do_mmap(const struct op *op)
{
	static const int prots[] = {
		[PROT_IS_RW] = PROT_READ | PROT_WRITE,
		[PROT_IS_READ] = PROT_READ,
		[PROT_IS_WRITE] = PROT_WRITE,
		[PROT_IS_NONE] = PROT_NONE,
		[PROT_IS_EXEC] = PROT_READ | PROT_WRITE | PROT_EXEC,
	};
	static const int sharings[] = {
		[SHARING_SHARED] = MAP_SHARED,
		[SHARING_PRIVATE] = MAP_PRIVATE,
		[SHARING_POPULATED] = MAP_SHARED | MAP_POPULATE,
	};
	int fd = files[op->arg[F_FD]], sharing = sharings[op->arg[F_SHARING]], error;
	unsigned int page = op->arg[F_PAGE];
	size_t size = op->arg[F_LENGTH];
	void *at;

	do_munmap(page);
	fail_next(op, true);
	at = mmap(page_at(page), size, prots[op->arg[F_PROT]], sharing | MAP_FIXED, fd,
		  op->arg[F_OFFSET]);
	error = errno;
	fail_next(op, false);
	if (at == MAP_FAILED)
		return -error;
	page_size[page] = (size + PAGE - 1) / PAGE * PAGE;
	/* With a thread beside, the number may be another file's by now. */
	if ((size > PAGE || op->arg[F_OFFSET] || op->arg[F_SHARING] == SHARING_PRIVATE ||
	     (!beside.busy && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)) && !wrong[0])
		snprintf(wrong, sizeof(wrong), "mmap of %zu bytes gave what it should not", size);
	return 0;
}

/* The kernel makes the store, so that what is not mapped is an error and no signal. */
static long do_store(const struct op *op)
{
	unsigned int cell = TTMEM_COUNTER_INDEX(op->arg[F_CHIP], op->arg[F_MEMORY],
						op->arg[F_TAG]) % CELLS;
	struct spot spot = spot_at(AT_PLAIN, 0, 2 * NESTED + task * PAGE);
	struct iovec from = { spot.bytes, sizeof(int64_t) };
	struct iovec to = { (int64_t *)page_at(op->arg[F_PAGE]) + cell, sizeof(int64_t) };
	long ret;

	put(&spot, 0, &op->arg[F_BYTES], sizeof(int64_t));
	fail_next(op, true);
	if (op->arg[F_HOW] == HOW_PIN)
		ret = answer(process_vm_writev(getpid(), &from, 1, &to, 1, 0));
	else
		ret = answer(pread(arena, to.iov_base, to.iov_len, spot.address - PLAIN));
	fail_next(op, false);
	return ret > 0 ? 0 : ret;
}

static long do_advise(const struct op *op)
{
	static const int advices[] = {
		[ADVICE_DONTNEED] = MADV_DONTNEED,
		[ADVICE_REMOVE] = MADV_REMOVE,
		[ADVICE_DONTFORK] = MADV_DONTFORK,
		[ADVICE_DOFORK] = MADV_DOFORK,
		[ADVICE_WIPEONFORK] = MADV_WIPEONFORK,
		[ADVICE_WILLNEED] = MADV_WILLNEED,
		[ADVICE_FREE] = MADV_FREE,
		[ADVICE_COLD] = MADV_COLD,
		[ADVICE_PAGEOUT] = MADV_PAGEOUT,
		[ADVICE_MERGEABLE] = MADV_MERGEABLE,
		[ADVICE_HUGEPAGE] = MADV_HUGEPAGE,
		[ADVICE_POPULATE] = MADV_POPULATE_WRITE,
	};
	void *at = page_at(op->arg[F_PAGE]), *other;
	size_t size = page_size[op->arg[F_PAGE]];
	struct iovec iov = { at, size };
	long ret;

	fail_next(op, true);
	switch (op->arg[F_ADVICE]) {
	case ADVICE_LOCK:
		ret = answer(mlock(at, size));
		break;
	case ADVICE_READONLY:
		ret = answer(mprotect(at, size, PROT_READ));
		break;
	case ADVICE_WRITABLE:
		ret = answer(mprotect(at, size, PROT_READ | PROT_WRITE));
		break;
	case ADVICE_GROW:
	case ADVICE_COPY:
		other = mremap(at, op->arg[F_ADVICE] == ADVICE_COPY ? 0 : size, size + PAGE,
			       MREMAP_MAYMOVE);
		ret = other == MAP_FAILED ? -errno : 0;
		if (!ret) {
			munmap(other, size + PAGE);
			if (!wrong[0])
				snprintf(wrong, sizeof(wrong), "mremap made more of a page");
		}
		break;
	case ADVICE_SPLICE:
		/* A pipe that holds the page when all else has let go of it. */
		ret = answer(vmsplice(spliced[1], &iov, 1, SPLICE_F_NONBLOCK));
		break;
	default:
		ret = answer(madvise(at, size, advices[op->arg[F_ADVICE]]));
	}
	fail_next(op, false);
	return ret > 0 ? 0 : ret;
}

static void drop_pages(void)
{
	char text[PAGE];
	unsigned int i;

	for (i = 0; i < PAGES_MAX; i++)
		do_munmap(i);
	while (read(spliced[0], text, sizeof(text)) > 0)
		;
}

/* The whole of a child, but of the program only the effective one, to come back. */
static long do_become(const struct op *op)
{
	uid_t uid = op->arg[F_USER] ? 1000 + op->arg[F_USER] : 0;

	if (task == TASK_CHILD)
		return answer(syscall(SYS_setresuid, uid, uid, uid));
	return answer(syscall(SYS_setresuid, -1, uid, -1));
}

static long do_bind(const struct op *op)
{
	return st_write(st_text("/sys/bus/pci/drivers/tenstorrent/%s",
				op->kind == OP_BIND ? "bind" : "unbind"),
			machine.pci[op->arg[F_CARD]]);
}

/* What KCOV saw. */

static void kcov_enable(enum task which)
{
	task = which;
	if (machine.kcov && ioctl(kcov[which].fd, KCOV_ENABLE, KCOV_TRACE_PC)) {
		perror("fuzz: KCOV_ENABLE");
		_exit(2);
	}
}

static void kcov_begin(enum task which)
{
	if (machine.kcov)
		__atomic_store_n(&kcov[which].area[0], 0, __ATOMIC_RELAXED);
}

static void kcov_collect(enum task which)
{
	uint64_t i, n;

	if (!machine.kcov)
		return;
	n = __atomic_load_n(&kcov[which].area[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < KCOV_PLACES; i++)
		tell_reached(kcov[which].area[i]);
}

/* Programs. */

static void interpret(const struct program *program, unsigned int from, unsigned int to);

static void beside_join(void)
{
	if (!beside.busy)
		return;
	while (sem_wait(&beside.done))
		;
	beside.busy = false;
	kcov_collect(TASK_BESIDE);
	tell_result(OP_BESIDE, 0);
}

static void *beside_main(void *unused)
{
	(void)unused;
	if (machine.fail_nth)
		fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	kcov_enable(TASK_BESIDE);
	sem_post(&beside.done);
	for (;;) {
		if (sem_wait(&beside.go))
			continue;
		interpret(beside.program, beside.from, beside.to);
		if (machine.root)
			syscall(SYS_setresuid, -1, 0, -1);
		sem_post(&beside.done);
	}
	return NULL;
}

static void beside_begin(const struct program *program, unsigned int from, unsigned int to)
{
	beside_join();
	beside.program = program;
	beside.from = from;
	beside.to = to;
	beside.busy = true;
	kcov_begin(TASK_BESIDE);
	sem_post(&beside.go);
}

static void fork_child(const struct program *program, const struct op *op, unsigned int from,
		       unsigned int to)
{
	struct child *child = &children[child_count];
	struct pollfd pollfd = { .events = POLLIN };
	enum space space = op->arg[F_SPACE];
	int pair[2], i;
	char byte = 0;

	if (child_count == CHILDREN || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return;
	child->traced = machine.kcov;
	for (i = 0; i < (int)child_count; i++)
		child->traced &= !children[i].traced;
	if (child->traced)
		kcov_begin(TASK_CHILD);

	child->pid = space == SPACE_SAME ? fork() :
		     syscall(SYS_clone, SIGCHLD | CLONE_NEWPID |
			     (space == SPACE_USER ? CLONE_NEWUSER : 0), 0, 0, 0, 0);
	if (child->pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return;
	}
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		/* The parent's; this task's own is another file. */
		if (fail_fd >= 0)
			fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
		task = TASK_CHILD;
		tracing = NULL;
		if (child->traced)
			kcov_enable(TASK_CHILD);
		/* What it allocates from here on may be too much, and be its death. */
		if (op->arg[F_CGROUP])
			enter_cgroup(op->arg[F_CGROUP]);
		interpret(program, from, to);
		/* Say that it is done; then wait for the end, or die before it comes. */
		byte = !!wrong[0];
		if (write(pair[1], &byte, 1) != 1 || op->arg[F_END] == END_KILL ||
		    read(pair[1], &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(pair[1]);
	child->sock = pair[0];
	child_count++;
	if (op->arg[F_WAIT]) {
		pollfd.fd = child->sock;
		poll(&pollfd, 1, 10000);
	}
}

static void reap(enum end end)
{
	unsigned int i;
	char byte = 0;

	for (i = 0; i < child_count; i++) {
		struct child *child = &children[i];

		if (end == END_KILL)
			kill(child->pid, SIGKILL);
		else if (send(child->sock, &byte, 1, MSG_NOSIGNAL) != 1)
			kill(child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
		last_dead = child->pid;
		if (recv(child->sock, &byte, 1, MSG_DONTWAIT) == 1 && byte && !wrong[0])
			snprintf(wrong, sizeof(wrong), "a call of a child answered what it should not");
		close(child->sock);
		if (child->traced) {
			kcov_collect(TASK_CHILD);
			tell_result(OP_FORK, 0);
		}
	}
	child_count = 0;
}

static long do_op(const struct op *op)
{
	switch (op->kind) {
	case OP_OPEN:
		return do_open(op);
	case OP_CLOSE:
		if (files[op->arg[F_FD]] < 0)
			return -EBADF;
		set_file(op->arg[F_FD], -1);
		return 0;
	case OP_DUP: {
		int fd = dup(files[op->arg[F_FD]]);

		if (fd < 0)
			return -errno;
		set_file(op->arg[F_TO], fd);
		return 0;
	}
	case OP_PASS:
		return do_pass(op);
	case OP_READ:
		return do_read(op);
	case OP_WRITE:
		return do_write(op);
	case OP_SEEK:
		return lseek(files[op->arg[F_FD]], op->arg[F_OFFSET], op->arg[F_WHENCE]) < 0 ?
		       -errno : 0;
	case OP_POLL:
		return do_poll(op);
	case OP_MMAP:
		return do_mmap(op);
	case OP_STORE:
		return do_store(op);
	case OP_ADVISE:
		return do_advise(op);
	case OP_MUNMAP:
		return do_munmap(op->arg[F_PAGE]);
	case OP_FDINFO:
		return do_fdinfo(op);
	case OP_REAP:
		if (task == TASK_MAIN)
			reap(op->arg[F_END]);
		return 0;
	case OP_BECOME:
		return do_become(op);
	case OP_DUMPABLE:
		return answer(prctl(PR_SET_DUMPABLE, op->arg[F_ON]));
	case OP_BIND:
	case OP_UNBIND:
		return do_bind(op);
	default:
		return do_call(op);
	}
}

static void interpret(const struct program *program, unsigned int from, unsigned int to)
{
	unsigned int i, end;
	long ret;

	for (i = from; i < to && i < program->count; i++) {
		const struct op *op = &program->op[i];

		if (tracing) {
			op_print(tracing, op);
			fflush(tracing);
		}
		if (op->kind == OP_FORK || op->kind == OP_BESIDE) {
			end = i + 1 + op->arg[F_STEPS];
			if (tracing)
				fputc('\n', tracing);
			/* Of these only the program itself can have more. */
			if (task != TASK_MAIN)
				continue;
			if (op->kind == OP_FORK)
				fork_child(program, op, i + 1, end);
			else
				beside_begin(program, i + 1, end);
			i = end - 1;
			continue;
		}
		if (task == TASK_MAIN)
			kcov_begin(TASK_MAIN);
		ret = do_op(op);
		if (task == TASK_MAIN) {
			kcov_collect(TASK_MAIN);
			tell_result(op->kind, ret);
		}
		if (tracing)
			fprintf(tracing, "\t# %s\n", ret < 0 ? strerrorname_np(-ret) : "ok");
	}
}

/*
 * Keep a value of the language inside of what this machine has. A program that
 * was written for another may say more.
 */
static void fit(struct op *op)
{
	static const struct {
		enum field field;
		unsigned int limit;
	} limits[] = {
		{ F_FD, FILES_MAX }, { F_TO, FILES_MAX }, { F_OF, FILES_MAX + 1 },
		{ F_HELD, HANDLES + 1 }, { F_LEVEL, 3 }, { F_STEPS, PROGRAM_OPS },
		{ F_NESTED, AT_PLACES }, { F_AT, AT_PLACES }, { F_TIMES, 2048 },
		{ F_FILE, FILE_KINDS }, { F_PAGE, PAGES_MAX }, { F_LENGTH, 1 << 17 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++)
		op->arg[limits[i].field] %= limits[i].limit;
	op->arg[F_CARD] %= machine.cards;
	if (!machine.mounts)
		op->arg[F_MOUNT] = MOUNT_PLAIN;
	if (!machine.cgroups)
		op->arg[F_CGROUP] = CGROUP_NONE;
	if (op->kind == OP_SET || op->kind == OP_LIST)
		return;
	op->arg[F_NESTED] = AT_PLAIN;
}

/*
 * Carry out a program and tell what it reached. What it has open stays open,
 * for the books to be looked at, until exec_close(). With @trace each operation
 * is printed there with its result. Returns NULL, or what was wrong.
 */
const char *exec_program(const struct program *program, FILE *trace)
{
	unsigned int i;

	fitted = *program;
	for (i = 0; i < fitted.count; i++)
		fit(&fitted.op[i]);
	wrong[0] = '\0';
	handle_count = 0;
	tracing = trace;
	interpret(&fitted, 0, fitted.count);
	tracing = NULL;
	beside_join();
	reap(END_KILL);
	if (machine.root)
		syscall(SYS_setresuid, -1, 0, -1);
	prctl(PR_SET_DUMPABLE, 1);
	return wrong[0] ? wrong : NULL;
}

/* Close what the last program opened and undo what it did to the machine. */
void exec_close(void)
{
	unsigned int i;

	kcov_begin(TASK_MAIN);
	/* A page that is mapped keeps its file open. */
	for (i = 0; i < ARRAY_SIZE(files); i++)
		set_file(i, -1);
	drop_pages();
	kcov_collect(TASK_MAIN);
	tell_result(OP_CLOSE, 0);
	machine_restore(&fitted);
}

static void map(uintptr_t at, size_t size, int prot)
{
	if (mmap((void *)at, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, arena, 0) ==
	    MAP_FAILED) {
		perror("fuzz: mapping the arena");
		exit(2);
	}
}

/* Make this process one that can run programs. */
void exec_setup(reached_fn reached, result_fn result)
{
	pthread_t thread;
	unsigned int i;

	tell_reached = reached;
	tell_result = result;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		files[i] = -1;
	arena = memfd_create("arena", MFD_CLOEXEC);
	if (arena < 0 || ftruncate(arena, ARENA)) {
		perror("fuzz: the arena");
		exit(2);
	}
	map(PLAIN, ARENA, PROT_READ | PROT_WRITE);
	map(READONLY, ARENA, PROT_READ);
	map(HALF, ARENA, PROT_READ);
	mprotect((void *)HALF, MIDDLE, PROT_READ | PROT_WRITE);
	map(TOGGLED, ARENA, PROT_READ | PROT_WRITE);
	if (pipe2(spliced, O_CLOEXEC | O_NONBLOCK)) {
		perror("fuzz: a pipe");
		exit(2);
	}

	for (i = 0; machine.kcov && i < TASKS; i++) {
		kcov[i].fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
		if (kcov[i].fd < 0 || ioctl(kcov[i].fd, KCOV_INIT_TRACE, KCOV_PLACES)) {
			perror("fuzz: /sys/kernel/debug/kcov");
			exit(2);
		}
		kcov[i].area = mmap(NULL, KCOV_PLACES * sizeof(uint64_t), PROT_READ | PROT_WRITE,
				    MAP_SHARED, kcov[i].fd, 0);
		if (kcov[i].area == MAP_FAILED) {
			perror("fuzz: mapping what KCOV sees");
			exit(2);
		}
	}
	if (machine.fail_nth)
		fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	sem_init(&beside.go, 0, 0);
	sem_init(&beside.done, 0, 0);
	sem_init(&toggling.go, 0, 0);
	if (pthread_create(&thread, NULL, toggle, NULL) ||
	    pthread_create(&thread, NULL, beside_main, NULL)) {
		fputs("fuzz: no thread\n", stderr);
		exit(2);
	}
	/* Until it can be told which task is which. */
	while (sem_wait(&beside.done))
		;
	kcov_enable(TASK_MAIN);
}
