// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine that is fuzzed: what there is of it, what programs may have
 * changed and must be put back, and whether the books are right.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

struct machine machine;

/* What root may write, as it was. */
static const char *const writable[] = { "dram_total", "dram_banks", "l1_total", "l1_banks" };
static char as_it_was[CARDS_MAX][2][ARRAY_SIZE(writable)][32];
static const char *const parameters[] = { "max_reservations", "max_reservations_per_uid" };
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
		snprintf(path, size, "/proc/driver/ttmem/%d/clients", card);
		break;
	case FILE_INVALIDATE:
		stat_path(path, size, card, -1, file_name(file));
		break;
	case FILE_MAX:
	case FILE_MAX_UID:
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

static void check_card(int card, bool empty)
{
	static char list[400000];
	uint64_t used[2][2] = { }, reservations[2] = { }, clients = 0, last = 0;
	char path[64], *line, *rest;

	snprintf(path, sizeof(path), "/proc/driver/ttmem/%d/clients", card);
	if (!slurp(path, list, sizeof(list))) {
		snprintf(wrong, sizeof(wrong), "%s cannot be read", path);
		return;
	}
	line = strchr(list, '\n');
	if (!line) {
		snprintf(wrong, sizeof(wrong), "%s has no header", path);
		return;
	}
	for (line = strtok_r(line, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		uint64_t client, bytes, n;
		unsigned int chip;
		char memory[8];

		if (sscanf(line, "%" SCNu64 " %*d %*u %u %7s %*s %" SCNu64 " %" SCNu64, &client,
			   &chip, memory, &bytes, &n) != 5 || chip > 1) {
			snprintf(wrong, sizeof(wrong), "%s: not a line of it: %.100s", path, line);
			return;
		}
		if (empty) {
			snprintf(wrong, sizeof(wrong), "card %d: nobody has it open and it has %.100s",
				 card, line);
			return;
		}
		used[chip][!strcmp(memory, "L1")] += bytes;
		reservations[chip] += n;
		clients += client != last;
		last = client;
	}
	expect(card, -1, "dram_used", used[0][0] + used[1][0]);
	expect(card, -1, "l1_used", used[0][1] + used[1][1]);
	expect(card, -1, "reservations", reservations[0] + reservations[1]);
	expect(card, -1, "clients", clients);
	expect(card, 0, "dram_used", used[0][0]);
	expect(card, 0, "l1_used", used[0][1]);
	expect(card, 0, "reservations", reservations[0]);
	if (!as_it_was[card][1][0][0])
		return;
	expect(card, 1, "dram_used", used[1][0]);
	expect(card, 1, "l1_used", used[1][1]);
	expect(card, 1, "reservations", reservations[1]);
}

/*
 * Compare the books with the lists of clients, while nobody else is at them;
 * where they ought to be @empty they have to be. Returns NULL or what is wrong.
 */
const char *machine_check(bool empty)
{
	char path[64];
	int card;

	wrong[0] = '\0';
	for (card = 0; card < machine.cards && !wrong[0]; card++) {
		/* The program that is checked may have taken it away. */
		snprintf(path, sizeof(path), "/proc/driver/ttmem/%d", card);
		if (empty || !access(path, F_OK))
			check_card(card, empty);
	}
	return wrong[0] ? wrong : NULL;
}
