/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer of ttmem: what its files share.
 *
 * program.c knows the language: what operations there are, how a program is
 * written, drawn and changed. exec.c carries one out and tells what it reached.
 * machine.c knows what there is to fuzz, and looks after the books. fuzz.c looks
 * for programs that reach more, with several workers at once.
 */
#ifndef TTMEM_FUZZ_H
#define TTMEM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../common/node.h"

#define PROGRAM_OPS	32	/* the most operations of a program */
#define CARDS_MAX	8
#define FILES_MAX	8	/* open files that operations name */
#define PAGES_MAX	4	/* mappings that operations name */

/* What may stand behind an operation's name, as NAME=VALUE. */
enum field {
	F_FD, F_TO, F_OF, F_CARD, F_FILE, F_LEVEL, F_ACCESS, F_MOUNT,
	F_CHIP, F_MEMORY, F_TAG, F_FLAGS, F_RESERVED,
	F_SIZE, F_PAYLOAD, F_ADDRESS, F_LABEL, F_BYTES, F_LARGEST, F_STEP, F_BAD,
	F_HELD, F_HANDLE, F_CLIENT, F_WHO,
	F_COUNT, F_STRIDE, F_NESTED, F_NCUT,
	F_NR, F_TYPE, F_DIR, F_BITS, F_EXTRA, F_TAIL, F_AT, F_CUT, F_COMPAT,
	F_OFFSET, F_WHENCE, F_LENGTH, F_VALUE, F_FORM,
	F_PAGE, F_PROT, F_SHARING, F_HOW, F_ADVICE,
	F_STEPS, F_WAIT, F_ON, F_END, F_SPACE, F_CGROUP, F_USER, F_TIMES, F_NTH,
	FIELDS
};

enum op_kind {
	OP_OPEN, OP_CLOSE, OP_DUP, OP_PASS,
	OP_INFO, OP_RESERVE, OP_FREE, OP_SET, OP_LIST, OP_ATTRIBUTE, OP_CALL,
	OP_READ, OP_WRITE, OP_SEEK, OP_POLL, OP_FDINFO,
	OP_MMAP, OP_STORE, OP_ADVISE, OP_MUNMAP,
	OP_FORK, OP_BESIDE, OP_REAP, OP_BECOME, OP_DUMPABLE,
	OP_UNBIND, OP_BIND,
	OP_KINDS
};

/* Where a structure lies that is given to a call. */
enum place {
	AT_PLAIN, AT_NULL, AT_UNMAPPED, AT_READONLY, AT_KERNEL, AT_WILD,
	AT_EDGE, AT_ROEDGE, AT_TOGGLED, AT_PLACES
};

enum file_kind {
	FILE_NODE, FILE_CLIENTS, FILE_INVALIDATE, FILE_MAX,
	FILE_STATS,	/* this and all that follow are one value a file */
	FILE_KINDS = FILE_STATS + 18
};

enum form {
	FORM_DECIMAL, FORM_HEX, FORM_NEGATIVE, FORM_NEWLINE, FORM_EMPTY, FORM_JUNK,
	FORM_BLANK, FORM_NUL, FORM_LONG
};

enum label { LABEL_NONE, LABEL_SHORT, LABEL_FULL, LABEL_OPEN, LABEL_CONTROL, LABEL_HIGH };

enum end { END_EXIT, END_KILL };

/* Which mount of proc the list is opened on. */
enum mount {
	MOUNT_PLAIN, MOUNT_NOACCESS, MOUNT_INVISIBLE, MOUNT_PTRACEABLE, MOUNT_GROUP,
	MOUNT_SUBSET, MOUNTS
};

/* Whom a client is attributed to. */
enum who {
	WHO_SELF, WHO_CHILD, WHO_PARENT, WHO_THREAD, WHO_DEAD, WHO_INIT, WHO_KERNEL,
	WHO_ZERO, WHO_NEGATIVE, WHO_HUGE
};

/* What a mapping allows, and whose its stores are. */
enum prot { PROT_IS_RW, PROT_IS_READ, PROT_IS_WRITE, PROT_IS_NONE, PROT_IS_EXEC };
enum sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_POPULATED };

/* How a counter is stored to: as any store, or through pinned pages. */
enum how { HOW_COPY, HOW_PIN };

/* What is done to a mapping besides. */
enum advice {
	ADVICE_DONTNEED, ADVICE_REMOVE, ADVICE_DONTFORK, ADVICE_DOFORK, ADVICE_WIPEONFORK,
	ADVICE_WILLNEED, ADVICE_FREE, ADVICE_COLD, ADVICE_PAGEOUT, ADVICE_MERGEABLE,
	ADVICE_HUGEPAGE, ADVICE_POPULATE, ADVICE_LOCK, ADVICE_READONLY, ADVICE_WRITABLE,
	ADVICE_GROW, ADVICE_COPY, ADVICE_SPLICE
};

/* A child's namespaces, and its memory cgroup. */
enum space { SPACE_SAME, SPACE_PID, SPACE_USER };
enum cgroup { CGROUP_NONE, CGROUP_SMALL, CGROUP_TINY, CGROUPS };

struct op {
	enum op_kind kind;
	uint64_t arg[FIELDS];
};

struct program {
	unsigned int count;
	struct op op[PROGRAM_OPS];
};

/* program.c */
struct random {
	uint64_t state;
};

uint64_t random_next(struct random *random);
unsigned int random_below(struct random *random, unsigned int bound);
void program_draw(struct program *program, struct random *random);
void program_mutate(struct program *program, const struct program *other,
		    struct random *random);
void program_drop(struct program *program, unsigned int at);
void op_print(FILE *out, const struct op *op);
void program_print(FILE *out, const struct program *program);
int program_read(FILE *in, const char *name, unsigned int *line, struct program *program);
const char *file_name(unsigned int file);
const char *kind_name(enum op_kind kind);

/* machine.c */

/**
 * struct machine - what there is
 * @cards: how many, numbered from 0
 * @pci: their PCI addresses
 * @root: everything may be done
 * @kcov: KCOV tells what is reached
 * @fail_nth: allocations and copies can be made to fail
 * @compat: there are calls of 32-bit programs
 * @mounts: other mounts of proc, below @dir
 * @cgroups: memory cgroups for children
 * @dir: where what is mounted is
 */
struct machine {
	int cards;
	char pci[CARDS_MAX][32];
	bool root;
	bool kcov;
	bool fail_nth;
	bool compat;
	bool mounts;
	bool cgroups;
	char dir[32];
};

extern struct machine machine;

void machine_look(void);
void machine_leave(void);
void machine_restore(const struct program *program);
const char *machine_check(bool empty);
bool program_unbinds(const struct program *program);
const char *file_path(const struct op *op);
void enter_cgroup(enum cgroup cgroup);

/* exec.c */

/* Called with each thing that a run reached: a place in the driver, or a result. */
typedef void (*reached_fn)(uint64_t pc);
typedef void (*result_fn)(enum op_kind kind, long result);

void exec_setup(reached_fn reached, result_fn result);
const char *exec_program(const struct program *program, FILE *trace);
void exec_close(void);

#endif /* TTMEM_FUZZ_H */
