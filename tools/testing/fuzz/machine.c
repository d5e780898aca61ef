// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine that is fuzzed: what there is of it, what programs may have
 * changed and must be put back, and whether the books are right.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define LIST	"driver/ttmem/clients"

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

/* The path of what an open opens. */
const char *file_path(const struct op *op)
{
	unsigned int file = op->arg[F_FILE], mount = op->arg[F_MOUNT] % MOUNTS;
	int card = op->arg[F_CARD];

	switch (file) {
	case FILE_NODE:
		return st_node(card);
	case FILE_CLIENTS:
		return mount ? st_text("%s/%s/" LIST, machine.dir, mounts[mount].name) : ST_LIST;
	case FILE_INVALIDATE:
		return st_path(card, ST_CARD, file_name(file));
	case FILE_MAX:
		return st_param_path(file_name(file));
	default:
		return st_path(card, (int)op->arg[F_LEVEL] - 1, file_name(file));
	}
}

/* The machine. */

static void let_all_open(void)
{
	int card;

	for (card = 0; card < machine.cards; card++)
		chmod(st_node(card), 0666);
}

/* Proc as an administrator may mount it for others. */
static void mount_all(void)
{
	const char *path;
	unsigned int i;

	strcpy(machine.dir, "/tmp/fuzz-proc.XXXXXX");
	if (!mkdtemp(machine.dir))
		return;
	machine.mounts = true;
	for (i = MOUNT_PLAIN + 1; i < MOUNTS; i++) {
		path = st_text("%s/%s", machine.dir, mounts[i].name);
		if (mkdir(path, 0755) || mount("proc", path, "proc", 0, mounts[i].options))
			machine.mounts = false;
	}
	chmod(machine.dir, 0755);
}

static void make_cgroups(void)
{
	unsigned int i;

	machine.cgroups = true;
	for (i = CGROUP_NONE + 1; i < CGROUPS; i++)
		if (st_cgroup_make(cgroups[i].name))
			machine.cgroups = false;
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
	st_write(st_cgroup_path(cgroups[cgroup].name, "memory.max"), "max");
	st_write(st_cgroup_path(cgroups[cgroup].name, "cgroup.procs"), "0");
	st_write(st_cgroup_path(cgroups[cgroup].name, "memory.max"), cgroups[cgroup].bytes);
}

/* What was made beside the cards, taken away. */
void machine_leave(void)
{
	const char *path;
	unsigned int i;

	if (!machine.dir[0])
		return;
	for (i = MOUNT_PLAIN + 1; i < MOUNTS; i++) {
		path = st_text("%s/%s", machine.dir, mounts[i].name);
		umount2(path, MNT_DETACH);
		rmdir(path);
	}
	rmdir(machine.dir);
	for (i = CGROUP_NONE + 1; i < CGROUPS; i++)
		rmdir(st_cgroup_path(cgroups[i].name, ""));
}

/* See what there is, before anything is changed. */
void machine_look(void)
{
	unsigned int chip, i;
	int card;

	machine.root = !geteuid();
	machine.kcov = !access("/sys/kernel/debug/kcov", R_OK | W_OK);
	machine.fail_nth = !access("/proc/self/fail-nth", W_OK);
	machine.compat = !access("/proc/sys/abi/vsyscall32", F_OK);

	for (card = 0; card < CARDS_MAX; card++) {
		if (access(st_node(card), F_OK))
			break;
		st_find_pci(card, machine.pci[card], sizeof(machine.pci[card]));
		for (chip = 0; chip < 2; chip++)
			for (i = 0; i < ARRAY_SIZE(writable); i++)
				st_read(st_path(card, chip, writable[i]), as_it_was[card][chip][i],
					sizeof(as_it_was[card][chip][i]));
	}
	machine.cards = card;
	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		st_read(st_param_path(parameters[i]), parameter_was[i], sizeof(parameter_was[i]));
	if (!machine.root)
		return;
	let_all_open();
	mount_all();
	make_cgroups();
	/*
	 * Trace points are told all the time: to turn them on and off changes the
	 * kernel's text, and an emulator may run an int3 that is gone already.
	 */
	st_write("/sys/kernel/tracing/options/record-cmd", "0");
	st_write("/sys/kernel/tracing/events/ttmem/enable", "1");
	if (machine.fail_nth) {
		/* Also allocations that may wait; and not a word about each. */
		st_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
		st_write("/sys/kernel/debug/failslab/verbose", "0");
		st_write("/sys/kernel/debug/fail_usercopy/verbose", "0");
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
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(writable); i++)
		if (op->arg[F_LEVEL] && !strcmp(name, writable[i]))
			was = as_it_was[op->arg[F_CARD]][op->arg[F_LEVEL] - 1][i];
	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		if (!strcmp(name, parameters[i]))
			was = parameter_was[i];
	if (was && was[0])
		st_write(file_path(op), was);
}

/*
 * Put back what a program, or any where that is NULL, may have changed of the
 * machine. If it took cards from their driver all are bound anew, in order: each
 * gets the lowest number that is free.
 */
void machine_restore(const struct program *program)
{
	unsigned int i;
	int card;

	if (!machine.root)
		return;
	if (!program || program_unbinds(program)) {
		for (card = 0; card < machine.cards; card++)
			st_write("/sys/bus/pci/drivers/tenstorrent/unbind", machine.pci[card]);
		for (card = 0; card < machine.cards; card++)
			st_write("/sys/bus/pci/drivers/tenstorrent/bind", machine.pci[card]);
		let_all_open();
	}
	if (!program) {
		for (i = 0; i < ARRAY_SIZE(parameters); i++)
			st_write(st_param_path(parameters[i]), parameter_was[i]);
	} else if (has(program, OP_WRITE)) {
		for (i = 0; i < program->count; i++)
			if (program->op[i].kind == OP_OPEN)
				restore_file(&program->op[i]);
	}
}

static uint64_t number(int card, int chip, const char *name)
{
	const char *path = st_path(card, chip, name);
	char text[32] = "";
	int error;

	error = st_read(path, text, sizeof(text));
	if (error && !wrong[0])
		snprintf(wrong, sizeof(wrong), "%.100s cannot be read: %s", path, strerror(-error));
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
	int error;

	error = st_read(ST_LIST, list, sizeof(list));
	if (error)
		return list_wrong("cannot be read", strerror(-error));
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

	expect(card, ST_CARD, "dram_used", sums->used[0][0] + sums->used[1][0]);
	expect(card, ST_CARD, "l1_used", sums->used[0][1] + sums->used[1][1]);
	expect(card, ST_CARD, "reservations", sums->reservations[0] + sums->reservations[1]);
	expect(card, ST_CARD, "clients", sums->clients);
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
	int card;

	wrong[0] = '\0';
	if (!read_list(empty, sums))
		return wrong;
	for (card = 0; card < machine.cards && !wrong[0]; card++) {
		/* The program that is checked may have taken it away. */
		if (empty || !access(st_path(card, ST_CARD, "clients"), F_OK))
			check_card(card, &sums[card]);
	}
	return wrong[0] ? wrong : NULL;
}
