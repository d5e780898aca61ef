// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of ttmem share; selftest.h says what is what.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "selftest.h"

#define CARDS_MAX	32
#define CHIPS_MAX	2

const char *const st_memory_names[2] = { "DRAM", "L1" };
const char *const st_tag_names[5] = { "buffer", "trace", "system", "l1_small", "cb" };

/* What root may write of a chip, and what the parameters were: put back after each test. */
static const char *const writable[] = { "dram_total", "l1_total", "dram_banks", "l1_banks" };
static const char *const parameters[] = {
	"max_reservations", "test_delay_points", "test_delay_ms",
};

static uint64_t writable_before[CARDS_MAX][CHIPS_MAX][ARRAY_SIZE(writable)];
static char pci_before[CARDS_MAX][16], pci_last[CARDS_MAX][16];
static char *parameters_before[ARRAY_SIZE(parameters)];

/* The kernel's log, open from the first test to the last. */
#define LOG_FD		3

/* Children that have not been waited for. */
static pid_t children[512];

/* One value a file: digits and a newline, nothing else. */
static uint64_t number_in(const char *path)
{
	char *text = st_slurp(path), *end;
	uint64_t value;

	if (!text)
		fail_msg("%s: %s", path, strerror(errno));
	if (!isdigit((unsigned char)text[0]))
		fail_msg("%s: no number: %s", path, text);
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || strcmp(end, "\n"))
		fail_msg("%s: not one number and a newline: %s", path, text);
	free(text);
	return value;
}

uint64_t st_get(int card, int chip, const char *name)
{
	return number_in(st_path(card, chip, name));
}

int st_put(int card, int chip, const char *name, const char *text)
{
	return st_write(st_path(card, chip, name), text);
}

uint64_t st_param(const char *name)
{
	return number_in(st_param_path(name));
}

void st_must_write(const char *path, const char *text)
{
	int error = st_write(path, text);

	if (error)
		fail_msg("%s = '%s': %s", path, text, strerror(-error));
}

void st_set_param(const char *name, const char *text)
{
	st_must_write(st_param_path(name), text);
}

/* The boards that this machine was given, in the order of their numbers. */
const char *st_board(int card)
{
	const char *list = getenv("TTMEM_CARDS");
	int i;

	if (!list)
		fail_msg("TTMEM_CARDS is not set: run this through tools/testing/vm/run");
	for (i = 0; i < card && list; i++) {
		list = strchr(list, ',');
		if (list)
			list++;
	}
	return list && *list ? st_text("%.*s", (int)strcspn(list, ","), list) : NULL;
}

int st_cards(void)
{
	int card = 0;

	while (st_board(card))
		card++;
	assert_between(card, 1, CARDS_MAX);
	return card;
}

int st_chips(int card)
{
	int chips = 0;

	while (chips < CHIPS_MAX && !access(st_path(card, chips, "dram_used"), F_OK))
		chips++;
	if (!chips)
		fail_msg("card %d has no chip0 in its memory_stats", card);
	return chips;
}

int st_card_with_chips(int chips)
{
	int card;

	for (card = 0; card < st_cards(); card++)
		if (st_chips(card) == chips)
			return card;
	return -1;
}

/* Where a card is in PCI; while it is away, where it was last. */
const char *st_pci(int card)
{
	st_find_pci(card, pci_last[card], sizeof(pci_last[card]));
	assert_true(pci_last[card][0]);
	return pci_last[card];
}

int st_unbind(int card)
{
	return st_write("/sys/bus/pci/drivers/tenstorrent/unbind", st_pci(card));
}

int st_bind(int card)
{
	return st_write("/sys/bus/pci/drivers/tenstorrent/bind", st_pci(card));
}

int st_remove(int card)
{
	return st_write(st_text("/sys/bus/pci/devices/%s/remove", st_pci(card)), "1");
}

int st_rescan(int card)
{
	/* It finds what is there, this card or others. */
	(void)card;
	return st_write("/sys/bus/pci/rescan", "1");
}

bool st_attached(int card)
{
	return !access(st_path(card, 0, "dram_used"), R_OK) && !access(st_node(card), F_OK);
}

static bool is_attached(void *card)
{
	return st_attached(*(int *)card);
}

static bool is_detached(void *arg)
{
	int card = *(int *)arg;

	/* Nothing of it may be left, under whatever name. */
	return access(st_text("/sys/class/ttmem/ttmem%d", card), F_OK) &&
	       access(st_path(card, ST_CARD, ""), F_OK) && access(st_node(card), F_OK);
}

void st_await_attached(int card, bool attached)
{
	if (!st_await(attached ? is_attached : is_detached, &card))
		fail_msg("card %d has not %s", card, attached ? "come" : "gone");
}

void st_await_all_attached(bool attached)
{
	int card;

	for (card = 0; card < st_cards(); card++)
		st_await_attached(card, attached);
}

static uint32_t name_index(const char *const *names, size_t count, const char *name)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return i;
	fail_msg("unknown name '%s' in a list of clients", name);
	return 0;
}

bool st_tag_fits(uint32_t memory, uint32_t tag)
{
	if (tag == TTMEM_TAG_BUFFER || tag == TTMEM_TAG_SYSTEM)
		return memory <= TTMEM_L1;
	if (tag == TTMEM_TAG_TRACE)
		return memory == TTMEM_DRAM;
	return memory == TTMEM_L1 && (tag == TTMEM_TAG_L1_SMALL || tag == TTMEM_TAG_CB);
}

/* A line against those before it: clients in order, a pool's peak the same everywhere. */
static void check_line(const struct st_line *list, size_t count, const struct st_line *line)
{
	uint64_t sum = line->bytes;
	size_t i;

	if (count)
		assert_true(list[count - 1].client <= line->client);
	for (i = count; i-- && list[i].client == line->client;) {
		assert_int_equal(list[i].card, line->card);
		assert_int_equal(list[i].pid, line->pid);
		assert_int_equal(list[i].uid, line->uid);
		assert_int_equal(list[i].attributed, line->attributed);
		assert_string_equal(list[i].command, line->command);
		if (list[i].chip != line->chip || list[i].memory != line->memory)
			continue;
		assert_int_not_equal(list[i].tag, line->tag);
		assert_true(list[i].bytes && line->bytes);
		assert_int_equal(list[i].peak, line->peak);
		sum += list[i].bytes;
	}
	assert_true(line->peak > 0 && line->peak >= sum);
}

static struct st_line parse_line(const char *row)
{
	static const char *const sources[2] = { "self", "attributed" };
	char memory[16], tag[16], source[16];
	struct st_line line = { 0 };
	int fields, at;

	fields = sscanf(row,
			"%d %" SCNu64 " %" SCNd64 " %" SCNd64 " %u %15s %15s %" SCNu64 " %" SCNu64
			" %" SCNu64 " %15s%n",
			&line.card, &line.client, &line.pid, &line.uid, &line.chip, memory, tag,
			&line.bytes, &line.peak, &line.reservations, source, &at);
	if (fields != 11)
		fail_msg("not a line of the list of clients: '%s'", row);
	/* One blank parts the last column, the command's own blanks are its own. */
	assert_int_equal(row[at], ' ');
	snprintf(line.command, sizeof(line.command), "%s", row + at + 1);
	assert_true(line.client > 0);
	line.attributed = name_index(sources, ARRAY_SIZE(sources), source);
	line.memory = name_index(st_memory_names, ARRAY_SIZE(st_memory_names), memory);
	if (!strcmp(tag, "-")) {
		line.tag = ST_NO_TAG;
		assert_int_equal(line.bytes, 0);
		assert_int_equal(line.reservations, 0);
		return line;
	}
	line.tag = name_index(st_tag_names, ARRAY_SIZE(st_tag_names), tag);
	if (!st_tag_fits(line.memory, line.tag))
		fail_msg("%s has no %s: '%s'", memory, tag, row);
	assert_true(line.bytes > 0);
	return line;
}

/* The list of clients, each line taken apart and held against its documented form. */
size_t st_list(int card, struct st_line **lines)
{
	static const char *const header[] = {
		"CARD", "CLIENT", "PID", "UID", "CHIP", "MEMORY", "TAG", "BYTES", "PEAK",
		"RESERVATIONS", "SOURCE", "COMMAND",
	};
	char *text = st_slurp(ST_LIST), *row, *save, *word, *words;
	struct st_line *list = NULL;
	size_t count = 0, kept = 0, i;

	if (!text)
		fail_msg("%s: %s", ST_LIST, strerror(errno));
	assert_true(strlen(text) > 0 && text[strlen(text) - 1] == '\n');
	row = strtok_r(text, "\n", &save);
	word = strtok_r(row, " ", &words);
	for (i = 0; i < ARRAY_SIZE(header); i++) {
		assert_non_null(word);
		assert_string_equal(word, header[i]);
		word = strtok_r(NULL, " ", &words);
	}
	assert_null(word);

	while ((row = strtok_r(NULL, "\n", &save))) {
		struct st_line line = parse_line(row);

		check_line(list, count, &line);
		list = realloc(list, (count + 1) * sizeof(*list));
		assert_non_null(list);
		list[count++] = line;
	}
	for (i = 0; i < count; i++)
		if (list[i].card == card)
			list[kept++] = list[i];
	free(text);
	*lines = list;
	return kept;
}

size_t st_clients(int card, struct st_line **lines)
{
	size_t count = st_list(card, lines), kept = 0, i;

	for (i = 0; i < count; i++)
		if ((*lines)[i].bytes)
			(*lines)[kept++] = (*lines)[i];
	return kept;
}

struct st_line st_only_line(int card)
{
	struct st_line *lines, line;
	size_t count = st_clients(card, &lines);

	assert_int_equal(count, 1);
	line = lines[0];
	free(lines);
	return line;
}

/* What the list says was the most that a client held of a pool; 0 without a line. */
uint64_t st_own_peak(int card, uint64_t client, uint32_t chip, uint32_t memory)
{
	struct st_line *lines;
	size_t count = st_list(card, &lines), i;
	uint64_t peak = 0;

	for (i = 0; i < count; i++)
		if (lines[i].client == client && lines[i].chip == chip &&
		    lines[i].memory == memory)
			peak = lines[i].peak;
	free(lines);
	return peak;
}

/* What a part of the list sums to; chip ST_CARD is all chips, tag -1 all tags. */
static uint64_t list_bytes(const struct st_line *lines, size_t count, int chip, int memory, int tag)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if ((chip == ST_CARD || lines[i].chip == (uint32_t)chip) &&
		    lines[i].memory == (uint32_t)memory &&
		    (tag < 0 || lines[i].tag == (uint32_t)tag))
			sum += lines[i].bytes;
	return sum;
}

static void check_chip_books(int card, int chip, const struct st_line *lines, size_t count)
{
	static const struct {
		const char *name;
		int memory;
		int tag;
	} parts[] = {
		{ "dram_used", TTMEM_DRAM, -1 },
		{ "l1_used", TTMEM_L1, -1 },
		{ "dram_trace_used", TTMEM_DRAM, TTMEM_TAG_TRACE },
		{ "dram_system_used", TTMEM_DRAM, TTMEM_TAG_SYSTEM },
		{ "l1_small_used", TTMEM_L1, TTMEM_TAG_L1_SMALL },
		{ "l1_cb_used", TTMEM_L1, TTMEM_TAG_CB },
		{ "l1_system_used", TTMEM_L1, TTMEM_TAG_SYSTEM },
	};
	uint64_t clients = 0, reservations = 0, last = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t listed = list_bytes(lines, count, chip, parts[i].memory, parts[i].tag);
		uint64_t shown = st_get(card, chip, parts[i].name);

		if (shown != listed)
			fail_msg("card %d chip %d: %s is %" PRIu64 ", the clients' sum %" PRIu64,
				 card, chip, parts[i].name, shown, listed);
	}
	/* A client's lines stand together, so a new id is a new client. */
	for (i = 0; i < count; i++) {
		if (chip != ST_CARD && lines[i].chip != (uint32_t)chip)
			continue;
		reservations += lines[i].reservations;
		clients += lines[i].client != last;
		last = lines[i].client;
	}
	assert_int_equal(st_get(card, chip, "clients"), clients);
	assert_int_equal(st_get(card, chip, "reservations"), reservations);
	assert_true(st_get(card, chip, "dram_peak") >= st_get(card, chip, "dram_used"));
	assert_true(st_get(card, chip, "l1_peak") >= st_get(card, chip, "l1_used"));
}

/* The books of a card at rest: every sum agrees with every other. */
void st_check_books(int card)
{
	static const char *const sums[] = {
		"dram_used", "l1_used", "dram_free", "l1_free", "dram_banks", "l1_banks",
		"dram_trace_used", "dram_system_used", "l1_small_used", "l1_cb_used",
		"l1_system_used", "reservations", "denied",
	};
	int chips = st_chips(card), chip;
	struct st_line *lines;
	size_t count, i;

	count = st_clients(card, &lines);
	for (i = 0; i < count; i++)
		assert_true(lines[i].chip < (uint32_t)chips);
	check_chip_books(card, ST_CARD, lines, count);
	for (chip = 0; chip < chips; chip++)
		check_chip_books(card, chip, lines, count);
	free(lines);

	for (i = 0; i < ARRAY_SIZE(sums); i++) {
		uint64_t sum = 0;

		for (chip = 0; chip < chips; chip++)
			sum += st_get(card, chip, sums[i]);
		assert_int_equal(st_get(card, ST_CARD, sums[i]), sum);
	}
	for (i = 0; i < 2; i++) {
		const char *total_name = i ? "l1_total" : "dram_total";
		const char *used_name = i ? "l1_used" : "dram_used";
		const char *free_name = i ? "l1_free" : "dram_free";
		uint64_t sum = 0;
		bool known = true;

		for (chip = 0; chip < chips; chip++) {
			uint64_t total = st_get(card, chip, total_name);
			uint64_t used = st_get(card, chip, used_name);

			known = known && total;
			sum += total;
			assert_int_equal(st_get(card, chip, free_name),
					 total > used ? total - used : 0);
		}
		assert_int_equal(st_get(card, ST_CARD, total_name), known ? sum : 0);
	}
}

void st_check_used(int card, uint64_t dram, uint64_t l1)
{
	st_check_books(card);
	assert_int_equal(st_get(card, ST_CARD, "dram_used"), dram);
	assert_int_equal(st_get(card, ST_CARD, "l1_used"), l1);
}

/* Everything that ttmem shows of a card, except denied, as one text to compare. */
char *st_snapshot(int card)
{
	static const char *const names[] = {
		"dram_total", "l1_total", "dram_banks", "l1_banks", "dram_used", "l1_used",
		"dram_free", "l1_free", "dram_peak", "l1_peak", "dram_trace_used",
		"dram_system_used", "l1_small_used", "l1_cb_used", "l1_system_used", "clients",
		"reservations",
	};
	char *clients = st_slurp(ST_LIST);
	char *text;
	size_t size, i;
	FILE *out;
	int chip;

	assert_non_null(clients);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	for (chip = ST_CARD; chip < st_chips(card); chip++)
		for (i = 0; i < ARRAY_SIZE(names); i++)
			fprintf(out, "chip %d %s %" PRIu64 "\n", chip, names[i],
				st_get(card, chip, names[i]));
	fputs(clients, out);
	fclose(out);
	free(clients);
	return text;
}

int st_open(int card)
{
	int fd = st_try_open(card);

	if (fd < 0)
		fail_msg("%s: %s", st_node(card), strerror(-fd));
	return fd;
}

void st_reserve_many(int fd, long count)
{
	while (count--)
		assert_int_equal(st_reserve(fd, 0, TTMEM_DRAM, 0, 64, 0, NULL), 0);
}

/* The id of an open file's client. */
uint64_t st_client(int fd)
{
	struct ttmem_info info;

	assert_int_equal(st_info(fd, &info), 0);
	return info.client;
}

/* The value of a key of an open file's fdinfo, also as text; fails if it is not there. */
uint64_t st_fdinfo(int fd, const char *key, char *text, size_t size)
{
	char *all = st_slurp(st_text("/proc/self/fdinfo/%d", fd)), *row, *save;
	size_t length = strlen(key);

	assert_non_null(all);
	for (row = strtok_r(all, "\n", &save); row; row = strtok_r(NULL, "\n", &save)) {
		uint64_t value;

		if (strncmp(row, key, length) || row[length] != ':')
			continue;
		row += length + 1;
		row += strspn(row, " \t");
		value = strtoull(row, NULL, 10);
		if (text)
			snprintf(text, size, "%s", row);
		free(all);
		return value;
	}
	free(all);
	if (!text)
		fail_msg("fdinfo has no key %s", key);
	text[0] = '\0';
	return 0;
}

/* What the driver says to mmap(): where the kernel itself refuses it, what INFO would say. */
static int map_error(int fd)
{
	struct ttmem_info info;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return st_info(fd, &info);
	return st_map(fd) ? 0 : -errno;
}

static int call_number(int fd, int number)
{
	struct ttmem_reservation entry;
	struct ttmem_gauge gauge = { .bytes = 64 };
	union {
		struct ttmem_info info;
		struct ttmem_reserve reserve;
		struct ttmem_free free;
		struct ttmem_set set;
		struct ttmem_reservations list;
	} request = { 0 };

	switch (number) {
	case 0:
		return st_call(fd, TTMEM_IOC_INFO, &request);
	case 1:
		request.reserve.size = 64;
		return st_call(fd, TTMEM_IOC_RESERVE, &request);
	case 2:
		request.free.flags = TTMEM_FREE_ALL;
		return st_call(fd, TTMEM_IOC_FREE, &request);
	case 3:
		request.set.gauges = (uintptr_t)&gauge;
		request.set.count = 1;
		request.set.entry_size = sizeof(gauge);
		return st_call(fd, TTMEM_IOC_SET, &request);
	case 4:
		request.list.entries = (uintptr_t)&entry;
		request.list.count = 1;
		request.list.entry_size = sizeof(entry);
		return st_call(fd, TTMEM_IOC_RESERVATIONS, &request);
	case 5:
		return st_attribute(fd, getpid());
	case 6:
		return st_free(fd, 12345);
	case 7:
		return map_error(fd);
	/* Not even a mistake is looked at. */
	case 8:
		return st_reserve(fd, 99, 99, 99, 0, ~0u, NULL);
	case 9:
		return st_ioctl(fd, TTMEM_IOC_ATTRIBUTE, &request);
	default:
		return st_ioctl(fd, TTMEM_IOC_SET, NULL);
	}
}

/*
 * Every call on the file is answered with the error of its state, a wrong one too, and it
 * holds nothing.
 */
void st_check_dead(int fd, const char *fdinfo_state)
{
	int error = strcmp(fdinfo_state, "exited") ? -ENODEV : -ESRCH, number;
	char text[64];

	for (number = 0; number <= 10; number++)
		assert_int_equal(call_number(fd, number), error);
	assert_int_equal(st_ioctl(fd, _IO(TTMEM_IOC_MAGIC, 0xff), NULL), -ENOTTY);
	st_fdinfo(fd, "ttmem-state", text, sizeof(text));
	assert_string_equal(text, fdinfo_state);
	assert_int_equal(st_fdinfo(fd, "ttmem-reservations", NULL, 0), 0);
	assert_int_equal(st_fdinfo(fd, "ttmem-total-chip0-dram", NULL, 0), 0);
}

struct st_child st_spawn(void (*fn)(int sock, void *arg), void *arg)
{
	struct st_child child;
	int sock[2];
	size_t i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	child.pid = st_fork();
	assert_true(child.pid >= 0);
	if (!child.pid) {
		/* A failed assertion is not to come back into the parent's list of tests. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		signal(SIGABRT, SIG_DFL);
		close(sock[0]);
		fn(sock[1], arg);
		fflush(NULL);
		_exit(0);
	}
	for (i = 0; i < ARRAY_SIZE(children); i++)
		if (!children[i]) {
			children[i] = child.pid;
			break;
		}
	assert_true(i < ARRAY_SIZE(children));
	close(sock[1]);
	child.sock = sock[0];
	return child;
}

/* Its children, not itself, are in the new namespace. */
static void make_pid_namespace(int sock, void *arg)
{
	void (**fn)(int sock) = arg;
	pid_t inner;
	int status;

	assert_int_equal(unshare(CLONE_NEWPID), 0);
	inner = fork();
	assert_true(inner >= 0);
	if (!inner) {
		(*fn)(sock);
		_exit(0);
	}
	assert_int_equal(send(sock, &inner, sizeof(inner), 0), sizeof(inner));
	assert_int_equal(waitpid(inner, &status, 0), inner);
	assert_int_equal(status, 0);
}

/*
 * @fn runs in the first process of a pid namespace, which outside has the number @inner. It
 * is to hear before it says anything: its number comes by the same way.
 */
struct st_child st_spawn_in_pid_namespace(void (*fn)(int sock), pid_t *inner)
{
	struct st_child child = st_spawn(make_pid_namespace, &fn);

	assert_int_equal(recv(child.sock, inner, sizeof(*inner), MSG_WAITALL), sizeof(*inner));
	return child;
}

void st_say(int sock)
{
	assert_int_equal(send(sock, ".", 1, MSG_NOSIGNAL), 1);
}

void st_hear(int sock)
{
	struct pollfd ready = { .fd = sock, .events = POLLIN };
	char byte;

	if (poll(&ready, 1, ST_PATIENCE) != 1)
		fail_msg("the other process did not answer");
	if (read(sock, &byte, 1) != 1)
		fail_msg("the other process is gone");
}

void st_become_cat(int sock)
{
	st_say(sock);
	assert_int_equal(dup2(sock, 0), 0);
	assert_int_equal(dup2(sock, 1), 1);
	execl("/bin/cat", "cat", (char *)NULL);
	fail_msg("exec: %s", strerror(errno));
}

void st_await_cat(int sock)
{
	st_hear(sock);
	/* It gives back what it reads once exec() is done. */
	st_say(sock);
	st_hear(sock);
}

static int reap(struct st_child *child)
{
	int status;
	size_t i;

	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	for (i = 0; i < ARRAY_SIZE(children); i++)
		if (children[i] == child->pid)
			children[i] = 0;
	close(child->sock);
	return status;
}

/* Waits for a child that ends by itself and has found nothing wrong. */
void st_join(struct st_child *child)
{
	pid_t pid = child->pid;
	int status = reap(child);

	if (status)
		fail_msg("child %d ended with status %#x", (int)pid, status);
}

void st_kill(struct st_child *child)
{
	int status;

	kill(child->pid, SIGKILL);
	status = reap(child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void st_send_fd(int sock, int fd)
{
	assert_int_equal(st_send_with_fd(sock, fd, ".", 1, 0), 1);
}

int st_receive_fd(int sock)
{
	struct pollfd ready = { .fd = sock, .events = POLLIN };
	char byte;
	int fd;

	assert_int_equal(poll(&ready, 1, ST_PATIENCE), 1);
	assert_int_equal(st_receive_with_fd(sock, &fd, &byte, 1, 0), 1);
	assert_true(fd >= 0);
	return fd;
}

long st_many(long count)
{
	const char *divisor = getenv("ST_DIVISOR");

	return count / (divisor ? atol(divisor) : 1);
}

bool st_await(bool (*done)(void *arg), void *arg)
{
	uint64_t end = st_now_ms() + ST_PATIENCE;

	while (!done(arg)) {
		if (st_now_ms() > end)
			return false;
		usleep(5000);
	}
	return true;
}

/* Loads the module that an environment variable names; 0 or a negative errno. */
int st_load(const char *variable, const char *module_parameters)
{
	const char *path = getenv(variable);

	if (!path)
		fail_msg("%s is not set: run this through tools/testing/vm/run", variable);
	return st_load_file(path, module_parameters);
}

int st_module_refs(const char *module)
{
	return number_in(st_text("/sys/module/%s/refcnt", module));
}

/* Whether the kernel has complained since it was asked last. */
static bool kernel_complained(void)
{
	static const char *const complaints[] = {
		"BUG:", "WARNING:", "Oops", "general protection", "soft lockup", "detected stall",
		"blocked for more than", "possible recursive locking",
		"circular locking", "use-after-free", "refcount_t:", "kobject_add_internal",
	};
	bool complained = false;
	char record[8192];
	ssize_t length;
	size_t i;

	while ((length = read(LOG_FD, record, sizeof(record) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		if (length < 0)
			continue;
		record[length] = '\0';
		/* Where an allocation was made to fail. */
		if (strstr(record, "kobject_add_internal failed") &&
		    strstr(record, "(error: -12 "))
			continue;
		for (i = 0; i < ARRAY_SIZE(complaints); i++)
			if (strstr(record, complaints[i])) {
				print_error("kernel: %s", record);
				complained = true;
			}
	}
	return complained;
}

static bool all_books_zero(void *arg)
{
	int card, cards = *(int *)arg;

	for (card = 0; card < cards; card++)
		if (!st_attached(card) || st_get(card, ST_CARD, "clients") ||
		    st_get(card, ST_CARD, "dram_used") || st_get(card, ST_CARD, "l1_used") ||
		    st_get(card, ST_CARD, "reservations"))
			return false;
	return true;
}

int st_group_setup(void **state)
{
	int cards = st_cards(), card, chip, log;
	size_t i;

	(void)state;
	close_range(3, ~0u, 0);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log != LOG_FD || lseek(log, 0, SEEK_END) < 0) {
		print_error("cannot read the kernel's log\n");
		return -1;
	}
	/* Tests are about what root may and others may not: be root. */
	if (geteuid()) {
		print_error("selftests need root\n");
		return -1;
	}
	for (card = 0; card < cards; card++)
		if (!st_attached(card)) {
			print_error("card %d is not there\n", card);
			return -1;
		}
	if (!all_books_zero(&cards)) {
		print_error("somebody holds memory of a card before the tests\n");
		return -1;
	}
	for (card = 0; card < cards; card++) {
		snprintf(pci_before[card], sizeof(pci_before[card]), "%.12s", st_pci(card));
		for (chip = 0; chip < st_chips(card); chip++)
			for (i = 0; i < ARRAY_SIZE(writable); i++)
				writable_before[card][chip][i] = st_get(card, chip, writable[i]);
	}
	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		parameters_before[i] = st_slurp(st_param_path(parameters[i]));
	return 0;
}

/*
 * Cards have their numbers in the order in which they were found, which a
 * rescan changes for the next load of the driver. All found anew, they have the
 * numbers that they had at first.
 */
static void restore_numbers(int cards)
{
	bool same = true;
	int card;

	for (card = 0; card < cards; card++)
		same = same && !strcmp(st_pci(card), pci_before[card]);
	if (same)
		return;
	for (card = 0; card < cards; card++)
		st_write(st_text("/sys/bus/pci/devices/%.12s/remove", pci_before[card]), "1");
	st_rescan(0);
	st_await_all_attached(true);
	for (card = 0; card < cards; card++)
		assert_string_equal(st_pci(card), pci_before[card]);
}

/* A mapping keeps its file open as a descriptor does. */
static void unmap_all(void)
{
	char *text = st_slurp("/proc/self/maps"), *row, *save;
	unsigned long begin, end;

	assert_non_null(text);
	for (row = strtok_r(text, "\n", &save); row; row = strtok_r(NULL, "\n", &save))
		if (strstr(row, " /dev/tenstorrent/mem/") &&
		    sscanf(row, "%lx-%lx", &begin, &end) == 2)
			munmap((void *)begin, end - begin);
	free(text);
}

/* After each test, one that failed half way too: nothing held, everything as it was. */
int st_teardown(void **state)
{
	int cards = st_cards(), card, chip;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(children); i++)
		if (children[i]) {
			kill(children[i], SIGKILL);
			waitpid(children[i], NULL, 0);
			children[i] = 0;
		}
	close_range(LOG_FD + 1, ~0u, 0);
	unmap_all();
	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		if (parameters_before[i])
			st_write(st_param_path(parameters[i]), parameters_before[i]);
	if (kernel_complained())
		return -1;
	if (!st_await(all_books_zero, &cards)) {
		print_error("the test left a card away or memory held\n");
		return -1;
	}
	restore_numbers(cards);
	for (card = 0; card < cards; card++) {
		st_check_books(card);
		for (chip = 0; chip < st_chips(card); chip++)
			for (i = 0; i < ARRAY_SIZE(writable); i++) {
				uint64_t value = writable_before[card][chip][i];

				if (st_get(card, chip, writable[i]) == value)
					continue;
				st_put(card, chip, writable[i], st_text("%" PRIu64, value));
				if (st_get(card, chip, writable[i]) != value)
					return -1;
			}
	}
	return 0;
}

int st_group_teardown(void **state)
{
	int cards = st_cards();

	(void)state;
	if (st_module_refs("ttmem")) {
		print_error("ttmem is still in use after the tests\n");
		return -1;
	}
	return all_books_zero(&cards) ? 0 : -1;
}
