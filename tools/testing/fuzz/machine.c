// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine that is fuzzed: what there is of it, what programs may have
 * changed and must be put back, and whether the books are right.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define LIST		"driver/ttmem/clients"
#define CGROUP_ROOT	"/sys/fs/cgroup"

struct machine machine;

/* Mounts of proc, each below the machine's directory, and from whom they hide. */
static const struct { const char *name, *options; } mounts[MOUNTS] = {
	[MOUNT_NOACCESS] = { "noaccess", "hidepid=1,gid=4242" },
	[MOUNT_INVISIBLE] = { "invisible", "hidepid=2,gid=4242" },
	[MOUNT_PTRACEABLE] = { "ptraceable", "hidepid=4,gid=4242" },
	[MOUNT_GROUP] = { "group", "hidepid=2,gid=0" },
	[MOUNT_SUBSET] = { "subset", "subset=pid" },
};

/* Enough to begin to work, and hardly that. */
static const struct { const char *name, *bytes; } cgroups[CGROUPS] = {
	[CGROUP_SMALL] = { "ttmem-fuzz-small", "327680" },
	[CGROUP_TINY] = { "ttmem-fuzz-tiny", "131072" },
};

/* What root may write, as it was. */
static const char *const writable[] = { "dram_total", "dram_banks", "l1_total", "l1_banks" };
static char as_it_was[CARDS_MAX][2][ARRAY_SIZE(writable)][32];
static const char *const parameters[] = { "max_reservations" };
static char parameter_was[ARRAY_SIZE(parameters)][32];

static char wrong[512];

/* Read a small file whole; @text is terminated. */
bool slurp(const char *path, char *text, size_t size)
{
	size_t length = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0)
		length += n;
	close(fd);
	text[length] = '\0';
	return n >= 0;
}

/* Write a file in one go. Returns 0 or a negative errno. */
int spew(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

static void stat_path(char *path, size_t size, int card, int chip, const char *name)
{
	char level[16] = "";

	if (chip >= 0)
		snprintf(level, sizeof(level), "chip%d/", chip);
	snprintf(path, size, "/sys/class/tenstorrent/tenstorrent!%d/memory_stats/%s%s", card, level,
		 name);
}

static void parameter_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "/sys/module/ttmem/parameters/%s", name);
}

/* The path of what an open opens. */
void file_path(char *path, size_t size, const struct op *op)
{
	unsigned int file = op->arg[F_FILE];
	int card = op->arg[F_CARD];

	switch (file) {
	case FILE_NODE:
		snprintf(path, size, "/dev/tenstorrent/mem/%d", card);
		break;
	case FILE_CLIENTS:
		if (op->arg[F_MOUNT] % MOUNTS)
			snprintf(path, size, "%s/%s/" LIST, machine.dir,
				 mounts[op->arg[F_MOUNT] % MOUNTS].name);
		else
			snprintf(path, size, "/proc/" LIST);
		break;
	case FILE_INVALIDATE:
		stat_path(path, size, card, -1, file_name(file));
		break;
	case FILE_MAX:
		parameter_path(path, size, file_name(file));
		break;
	default:
		stat_path(path, size, card, (int)op->arg[F_LEVEL] - 1, file_name(file));
	}
}

/* The machine. */

static void let_all_open(void)
{
	char path[64];
	int card;

	for (card = 0; card < machine.cards; card++) {
		snprintf(path, sizeof(path), "/dev/tenstorrent/mem/%d", card);
		chmod(path, 0666);
	}
}

/* Proc as an administrator may mount it for others. */
static void mount_all(void)
{
	char path[64];
	unsigned int i;

	strcpy(machine.dir, "/tmp/fuzz-proc.XXXXXX");
	if (!mkdtemp(machine.dir))
		return;
	machine.mounts = true;
	for (i = MOUNT_PLAIN + 1; i < MOUNTS; i++) {
		snprintf(path, sizeof(path), "%s/%s", machine.dir, mounts[i].name);
		if (mkdir(path, 0755) || mount("proc", path, "proc", 0, mounts[i].options))
			machine.mounts = false;
	}
	chmod(machine.dir, 0755);
}

static const char *cgroup_path(enum cgroup cgroup, const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), CGROUP_ROOT "/%s/%s", cgroups[cgroup].name, file);
	return path;
}

static void make_cgroups(void)
{
	unsigned int i;

	if (spew(CGROUP_ROOT "/cgroup.subtree_control", "+memory"))
		return;
	machine.cgroups = true;
	for (i = CGROUP_NONE + 1; i < CGROUPS; i++) {
		if (mkdir(cgroup_path(i, ""), 0755) && errno != EEXIST)
			machine.cgroups = false;
	}
}

/*
 * From here on the caller's allocations are its memory cgroup's, and may not be many. Who
 * is there already is at the same limit, and may be killed for it.
 *
 * The limit is set after the cgroup was entered: that takes from the CPUs what they keep of
 * what was charged before, which would be more than it.
 */
void enter_cgroup(enum cgroup cgroup)
{
	spew(cgroup_path(cgroup, "memory.max"), "max");
	spew(cgroup_path(cgroup, "cgroup.procs"), "0");
	spew(cgroup_path(cgroup, "memory.max"), cgroups[cgroup].bytes);
}

/* What was made beside the cards, taken away. */
void machine_leave(void)
{
	char path[64];
	unsigned int i;

	if (!machine.dir[0])
		return;
	for (i = MOUNT_PLAIN + 1; i < MOUNTS; i++) {
		snprintf(path, sizeof(path), "%s/%s", machine.dir, mounts[i].name);
		umount2(path, MNT_DETACH);
		rmdir(path);
	}
	rmdir(machine.dir);
	for (i = CGROUP_NONE + 1; i < CGROUPS; i++)
		rmdir(cgroup_path(i, ""));
}

/* See what there is, before anything is changed. */
void machine_look(void)
{
	char path[128], link[256];
	unsigned int chip, i;
	ssize_t n;
	int card;

	machine.root = !geteuid();
	machine.kcov = !access("/sys/kernel/debug/kcov", R_OK | W_OK);
	machine.fail_nth = !access("/proc/self/fail-nth", W_OK);
	machine.compat = !access("/proc/sys/abi/vsyscall32", F_OK);

	for (card = 0; card < CARDS_MAX; card++) {
		snprintf(path, sizeof(path), "/dev/tenstorrent/mem/%d", card);
		if (access(path, F_OK))
			break;
		snprintf(path, sizeof(path), "/sys/class/tenstorrent/tenstorrent!%d/device", card);
		n = readlink(path, link, sizeof(link) - 1);
		if (n > 0) {
			link[n] = '\0';
			snprintf(machine.pci[card], sizeof(machine.pci[card]), "%.31s",
				 strrchr(link, '/') + 1);
		}
		for (chip = 0; chip < 2; chip++) {
			for (i = 0; i < ARRAY_SIZE(writable); i++) {
				stat_path(path, sizeof(path), card, chip, writable[i]);
				slurp(path, as_it_was[card][chip][i],
				      sizeof(as_it_was[card][chip][i]));
			}
		}
	}
	machine.cards = card;
	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		parameter_path(path, sizeof(path), parameters[i]);
		slurp(path, parameter_was[i], sizeof(parameter_was[i]));
	}
	if (!machine.root)
		return;
	let_all_open();
	mount_all();
	make_cgroups();
	/*
	 * Trace points are told all the time: to turn them on and off changes the
	 * kernel's text, and an emulator may run an int3 that is gone already.
	 */
	spew("/sys/kernel/tracing/options/record-cmd", "0");
	spew("/sys/kernel/tracing/events/ttmem/enable", "1");
	if (machine.fail_nth) {
		/* Also allocations that may wait; and not a word about each. */
		spew("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
		spew("/sys/kernel/debug/failslab/verbose", "0");
		spew("/sys/kernel/debug/fail_usercopy/verbose", "0");
	}
}

static bool has(const struct program *program, enum op_kind kind)
{
	unsigned int i;

	for (i = 0; i < program->count; i++)
		if (program->op[i].kind == kind)
			return true;
	return false;
}

/* Whether a program takes cards from their driver, so that no other may run beside it. */
bool program_unbinds(const struct program *program)
{
	return has(program, OP_UNBIND) || has(program, OP_BIND);
}

/* What was opened may have been written, by whomever. */
static void restore_file(const struct op *op)
{
	const char *name = file_name(op->arg[F_FILE]), *was = NULL;
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(writable); i++)
		if (op->arg[F_LEVEL] && !strcmp(name, writable[i]))
			was = as_it_was[op->arg[F_CARD]][op->arg[F_LEVEL] - 1][i];
	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		if (!strcmp(name, parameters[i]))
			was = parameter_was[i];
	if (!was || !was[0])
		return;
	file_path(path, sizeof(path), op);
	spew(path, was);
}

/*
 * Put back what a program, or any where that is NULL, may have changed of the
 * machine. If it took cards from their driver all are bound anew, in order: each
 * gets the lowest number that is free.
 */
void machine_restore(const struct program *program)
{
	char path[128];
	unsigned int i;
	int card;

	if (!machine.root)
		return;
	if (!program || program_unbinds(program)) {
		for (card = 0; card < machine.cards; card++)
			spew("/sys/bus/pci/drivers/tenstorrent/unbind", machine.pci[card]);
		for (card = 0; card < machine.cards; card++)
			spew("/sys/bus/pci/drivers/tenstorrent/bind", machine.pci[card]);
		let_all_open();
	}
	if (!program) {
		for (i = 0; i < ARRAY_SIZE(parameters); i++) {
			parameter_path(path, sizeof(path), parameters[i]);
			spew(path, parameter_was[i]);
		}
	} else if (has(program, OP_WRITE)) {
		for (i = 0; i < program->count; i++)
			if (program->op[i].kind == OP_OPEN)
				restore_file(&program->op[i]);
	}
}

static uint64_t number(int card, int chip, const char *name)
{
	char path[128], text[32] = "";

	stat_path(path, sizeof(path), card, chip, name);
	if (!slurp(path, text, sizeof(text)) && !wrong[0])
		snprintf(wrong, sizeof(wrong), "%.100s cannot be read: %s", path, strerror(errno));
	return strtoull(text, NULL, 10);
}

static void expect(int card, int chip, const char *name, uint64_t value)
{
	uint64_t is = number(card, chip, name);

	if (is != value && !wrong[0])
		snprintf(wrong, sizeof(wrong), "card %d, chip %d: %s is %" PRIu64
			 ", the clients hold %" PRIu64, card, chip, name, is, value);
}

/**
 * struct sums - what the list's lines of a card add up to
 * @used: bytes of each chip and memory
 * @reservations: of each chip
 * @clients: that hold something
 * @holder: the last of them
 */
struct sums {
	uint64_t used[2][2];
	uint64_t reservations[2];
	uint64_t clients;
	uint64_t holder;
};

/* A pool of a client as its lines so far have it. */
struct pool {
	uint64_t client;
	uint64_t bytes;
	uint64_t peak;
};

static bool list_wrong(const char *what, const char *line)
{
	snprintf(wrong, sizeof(wrong), "the list: %s: %.200s", what, line);
	return false;
}

/* Take a line of the list apart, and hold it against what the lines before it said. */
static bool add_line(const char *line, bool empty, struct sums *sums, struct pool pools[2][2])
{
	uint64_t client, bytes, peak, reservations;
	unsigned int card, chip, memory;
	char name[8], tag[12], source[16];
	struct pool *pool;
	int pid;

	if (sscanf(line, "%u %" SCNu64 " %d %*u %u %7s %11s %" SCNu64 " %" SCNu64 " %" SCNu64 " %15s",
		   &card, &client, &pid, &chip, name, tag, &bytes, &peak, &reservations,
		   source) != 10 || chip > 1 || card >= (unsigned int)machine.cards)
		return list_wrong("not a line of it", line);
	if (empty)
		return list_wrong("nobody has a card open, and it has", line);
	memory = !strcmp(name, "L1");
	pool = &pools[chip][memory];
	if (pool->client != client)
		*pool = (struct pool){ client, 0, peak };
	pool->bytes += bytes;
	if (!strcmp(tag, "-") != (!bytes && !reservations))
		return list_wrong("a tag without bytes, or none with some", line);
	if (pool->peak != peak || pool->bytes > peak)
		return list_wrong("a peak that is none", line);
	if (!strcmp(source, "attributed")) {
		/* All processes of a program that is over are gone, but for the fuzzer's own. */
		if (pid <= 0 || kill(pid, 0))
			return list_wrong("attributed to a process that is gone", line);
	} else if (strcmp(source, "self")) {
		return list_wrong("a source that is none", line);
	}
	sums[card].used[chip][memory] += bytes;
	sums[card].reservations[chip] += reservations;
	if (bytes && client != sums[card].holder) {
		sums[card].holder = client;
		sums[card].clients++;
	}
	return true;
}

/* The list of all cards, summed up; returns whether it is one. */
static bool read_list(bool empty, struct sums *sums)
{
	static const char *const columns[] = {
		"CARD", "CLIENT", "PID", "UID", "CHIP", "MEMORY", "TAG", "BYTES", "PEAK",
		"RESERVATIONS", "SOURCE", "COMMAND",
	};
	struct pool pools[2][2] = { };
	static char list[1000000];
	char *line, *rest, *word, *words;
	uint64_t client, last = 0;
	unsigned int i;

	if (!slurp("/proc/" LIST, list, sizeof(list)))
		return list_wrong("cannot be read", strerror(errno));
	line = strtok_r(list, "\n", &rest);
	word = line ? strtok_r(line, " ", &words) : NULL;
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		if (!word || strcmp(word, columns[i]))
			return list_wrong("no such column", columns[i]);
		word = strtok_r(NULL, " ", &words);
	}
	while ((line = strtok_r(NULL, "\n", &rest))) {
		if (!add_line(line, empty, sums, pools))
			return false;
		client = strtoull(line + strcspn(line, " "), NULL, 10);
		if (client < last)
			return list_wrong("not in the order of ids", line);
		last = client;
	}
	return true;
}

static void check_card(int card, const struct sums *sums)
{
	int chip;

	expect(card, -1, "dram_used", sums->used[0][0] + sums->used[1][0]);
	expect(card, -1, "l1_used", sums->used[0][1] + sums->used[1][1]);
	expect(card, -1, "reservations", sums->reservations[0] + sums->reservations[1]);
	expect(card, -1, "clients", sums->clients);
	for (chip = 0; chip < 2 && as_it_was[card][chip][0][0]; chip++) {
		expect(card, chip, "dram_used", sums->used[chip][0]);
		expect(card, chip, "l1_used", sums->used[chip][1]);
		expect(card, chip, "reservations", sums->reservations[chip]);
	}
}

/*
 * Compare the books with the list of clients, while nobody else is at them;
 * where they ought to be @empty they have to be. Returns NULL or what is wrong.
 */
const char *machine_check(bool empty)
{
	struct sums sums[CARDS_MAX] = { };
	char path[128];
	int card;

	wrong[0] = '\0';
	if (!read_list(empty, sums))
		return wrong;
	for (card = 0; card < machine.cards && !wrong[0]; card++) {
		/* The program that is checked may have taken it away. */
		stat_path(path, sizeof(path), card, -1, "clients");
		if (empty || !access(path, F_OK))
			check_card(card, &sums[card]);
	}
	return wrong[0] ? wrong : NULL;
}
