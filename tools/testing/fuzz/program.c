// SPDX-License-Identifier: GPL-2.0-only
/*
 * The language of the fuzzer. A program is some lines, an operation each:
 *
 *	open
 *	reserve size=0x1000 tag=1 at=edge cut=80
 *	free held=1
 *
 * What is not said is as in a call that does well. Programs in one file are
 * parted by empty lines; # begins a remark.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* How a field's values are drawn. */
enum domain {
	D_INDEX,	/* below the limit, each alike */
	D_NAME,		/* one of names; the limit is how many */
	D_FEW,		/* mostly below the limit, else any 32 bits */
	D_WORD,		/* 64 bits, the edges of things more often */
	D_DELTA,	/* signed, small: added to what would be right */
	D_LENGTH,	/* bytes, up to some pages */
	D_TIMES,	/* 1, seldom some, more seldom many */
};

#define NAMES(...)	.names = (const char *const[]){ __VA_ARGS__, NULL }

/**
 * struct field_type - a field
 * @name: as it is written
 * @domain: how it is drawn
 * @limit: of D_INDEX and D_FEW
 * @def: its value where nothing is said
 * @names: of D_NAME
 */
struct field_type {
	const char *name;
	enum domain domain;
	uint64_t limit;
	uint64_t def;
	const char *const *names;
};

static const struct field_type fields[FIELDS] = {
	[F_FD] = { "fd", D_INDEX, 4 },
	[F_TO] = { "to", D_INDEX, 4 },
	[F_OF] = { "of", D_INDEX, 5 },
	[F_CARD] = { "card", D_INDEX, 3 },
	[F_FILE] = { "file", D_NAME, NAMES("node", "list", "invalidate", "max_reservations",
					   "dram_total", "dram_banks", "dram_used", "dram_free",
					   "dram_peak", "dram_trace_used", "dram_system_used",
					   "l1_total", "l1_banks", "l1_used", "l1_free", "l1_peak",
					   "l1_small_used", "l1_cb_used", "l1_system_used",
					   "clients", "reservations", "denied") },
	[F_LEVEL] = { "level", D_NAME, NAMES("card", "chip0", "chip1") },
	[F_ACCESS] = { "access", D_NAME, NAMES("rdwr", "rdonly", "wronly", "path") },
	[F_MOUNT] = { "mount", D_NAME, NAMES("plain", "noaccess", "invisible", "ptraceable", "group",
					     "subset") },
	[F_CHIP] = { "chip", D_FEW, 2 },
	[F_MEMORY] = { "memory", D_FEW, 2 },
	[F_TAG] = { "tag", D_FEW, 5 },
	[F_FLAGS] = { "flags", D_FEW, 4 },
	[F_RESERVED] = { "reserved", D_FEW, 1 },
	[F_SIZE] = { "size", D_WORD, 0, 4096 },
	[F_PAYLOAD] = { "payload", D_WORD },
	[F_ADDRESS] = { "address", D_WORD },
	[F_LABEL] = { "label", D_NAME, NAMES("none", "short", "full", "open", "control", "high") },
	[F_BYTES] = { "bytes", D_WORD, 0, 4096 },
	[F_LARGEST] = { "largest", D_WORD },
	[F_STEP] = { "step", D_FEW, 3 },
	[F_BAD] = { "bad", D_FEW, 4 },
	[F_HELD] = { "held", D_INDEX, 9 },
	[F_HANDLE] = { "handle", D_DELTA },
	[F_CLIENT] = { "client", D_DELTA },
	[F_WHO] = { "who", D_NAME, NAMES("self", "child", "parent", "thread", "dead", "init",
					 "kernel", "zero", "negative", "huge") },
	[F_COUNT] = { "count", D_TIMES, 0, 1 },
	[F_STRIDE] = { "stride", D_DELTA },
	[F_NESTED] = { "nested", D_NAME, NAMES("plain", "null", "unmapped", "readonly", "kernel",
					       "wild", "edge", "roedge", "toggled") },
	[F_NCUT] = { "ncut", D_LENGTH },
	[F_NR] = { "nr", D_INDEX, 0x90, 0x80 },
	[F_TYPE] = { "type", D_INDEX, 256, 0xfa },
	[F_DIR] = { "dir", D_INDEX, 4 },
	[F_BITS] = { "bits", D_DELTA },
	[F_EXTRA] = { "extra", D_DELTA },
	[F_TAIL] = { "tail", D_INDEX, 256 },
	[F_AT] = { "at", D_NAME, NAMES("plain", "null", "unmapped", "readonly", "kernel", "wild",
				       "edge", "roedge", "toggled") },
	[F_CUT] = { "cut", D_LENGTH },
	[F_COMPAT] = { "compat", D_INDEX, 2 },
	[F_OFFSET] = { "offset", D_DELTA },
	[F_WHENCE] = { "whence", D_INDEX, 6 },
	[F_LENGTH] = { "length", D_LENGTH, 0, 4096 },
	[F_VALUE] = { "value", D_WORD },
	[F_FORM] = { "form", D_NAME, NAMES("decimal", "hex", "negative", "newline", "empty", "junk",
					   "blank", "nul", "long") },
	[F_PAGE] = { "page", D_INDEX, 2 },
	[F_PROT] = { "prot", D_NAME, NAMES("rw", "read", "write", "none", "exec") },
	[F_SHARING] = { "sharing", D_NAME, NAMES("shared", "private", "populated") },
	[F_HOW] = { "how", D_NAME, NAMES("copy", "pin") },
	[F_ADVICE] = { "advice", D_NAME, NAMES("dontneed", "remove", "dontfork", "dofork",
					       "wipeonfork", "willneed", "free", "cold", "pageout",
					       "mergeable", "hugepage", "populate", "lock",
					       "readonly", "writable", "grow", "copy", "splice") },
	[F_STEPS] = { "steps", D_INDEX, 6, 2 },
	[F_WAIT] = { "wait", D_INDEX, 2, 1 },
	[F_ON] = { "on", D_INDEX, 2, 1 },
	[F_END] = { "end", D_NAME, NAMES("exit", "kill") },
	[F_SPACE] = { "space", D_NAME, NAMES("same", "pid", "user") },
	[F_CGROUP] = { "cgroup", D_NAME, NAMES("none", "small", "tiny") },
	[F_USER] = { "user", D_INDEX, 3 },
	[F_TIMES] = { "times", D_TIMES, 0, 1 },
	[F_NTH] = { "nth", D_INDEX, 24 },
};

/* What all calls of the node have, behind their own. */
#define CALL_FIELDS	F_EXTRA, F_TAIL, F_AT, F_CUT, F_COMPAT, F_TIMES, F_NTH

/**
 * struct op_type - an operation
 * @name: as it is written
 * @weight: how often it is drawn
 * @count: of @field
 * @field: what may be said of it
 */
struct op_type {
	const char *name;
	unsigned int weight;
	unsigned int count;
	enum field field[24];
};

static const struct op_type types[OP_KINDS] = {
#define TYPE(kind, name, weight, ...) \
	[kind] = { name, weight, sizeof((enum field[]){ __VA_ARGS__ }) / sizeof(enum field), \
		   { __VA_ARGS__ } }
	TYPE(OP_OPEN, "open", 12, F_FD, F_CARD, F_FILE, F_LEVEL, F_ACCESS, F_MOUNT, F_NTH),
	TYPE(OP_CLOSE, "close", 4, F_FD),
	TYPE(OP_DUP, "dup", 2, F_FD, F_TO),
	TYPE(OP_PASS, "pass", 1, F_FD, F_TO),
	TYPE(OP_INFO, "info", 6, F_FD, F_CHIP, F_MEMORY, F_FLAGS, CALL_FIELDS),
	TYPE(OP_RESERVE, "reserve", 20, F_FD, F_CHIP, F_MEMORY, F_TAG, F_FLAGS, F_SIZE, F_PAYLOAD,
	     F_ADDRESS, F_LABEL, F_RESERVED, CALL_FIELDS),
	TYPE(OP_FREE, "free", 12, F_FD, F_HELD, F_HANDLE, F_CHIP, F_FLAGS, F_RESERVED, CALL_FIELDS),
	TYPE(OP_SET, "set", 12, F_FD, F_CHIP, F_MEMORY, F_TAG, F_BYTES, F_LARGEST, F_STEP, F_BAD,
	     F_COUNT, F_STRIDE, F_FLAGS, F_NESTED, CALL_FIELDS),
	TYPE(OP_LIST, "list", 12, F_FD, F_OF, F_CLIENT, F_HELD, F_HANDLE, F_COUNT, F_STRIDE,
	     F_FLAGS, F_NESTED, F_NCUT, CALL_FIELDS),
	TYPE(OP_ATTRIBUTE, "attribute", 6, F_FD, F_WHO, F_FLAGS, F_RESERVED, CALL_FIELDS),
	TYPE(OP_CALL, "call", 3, F_FD, F_NR, F_TYPE, F_DIR, F_BITS, F_VALUE, CALL_FIELDS),
	TYPE(OP_READ, "read", 10, F_FD, F_OFFSET, F_LENGTH, F_AT, F_CUT, F_TIMES, F_NTH),
	TYPE(OP_WRITE, "write", 8, F_FD, F_VALUE, F_FORM, F_OFFSET, F_AT, F_NTH),
	TYPE(OP_SEEK, "seek", 2, F_FD, F_OFFSET, F_WHENCE),
	TYPE(OP_POLL, "poll", 1, F_FD),
	TYPE(OP_FDINFO, "fdinfo", 5, F_FD, F_LENGTH, F_OFFSET, F_NTH),
	TYPE(OP_MMAP, "mmap", 6, F_FD, F_PAGE, F_LENGTH, F_OFFSET, F_PROT, F_SHARING, F_NTH),
	TYPE(OP_STORE, "store", 8, F_PAGE, F_CHIP, F_MEMORY, F_TAG, F_BYTES, F_HOW, F_NTH),
	TYPE(OP_ADVISE, "advise", 2, F_PAGE, F_ADVICE, F_NTH),
	TYPE(OP_MUNMAP, "munmap", 1, F_PAGE),
	TYPE(OP_FORK, "fork", 3, F_STEPS, F_WAIT, F_END, F_SPACE, F_CGROUP),
	TYPE(OP_BESIDE, "beside", 3, F_STEPS),
	TYPE(OP_REAP, "reap", 2, F_END),
	TYPE(OP_BECOME, "become", 2, F_USER),
	TYPE(OP_DUMPABLE, "dumpable", 1, F_ON),
	TYPE(OP_UNBIND, "unbind", 0, F_CARD),
	TYPE(OP_BIND, "bind", 0, F_CARD),
#undef TYPE
};

uint64_t random_next(struct random *random)
{
	random->state += 0x9e3779b97f4a7c15ull;
	uint64_t z = random->state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

unsigned int random_below(struct random *random, unsigned int bound)
{
	return random_next(random) % bound;
}

static bool one_in(struct random *random, unsigned int n)
{
	return !random_below(random, n);
}

const char *kind_name(enum op_kind kind)
{
	return types[kind].name;
}

const char *file_name(unsigned int file)
{
	return fields[F_FILE].names[file];
}

static unsigned int names_of(const struct field_type *field)
{
	unsigned int n = 0;

	while (field->names[n])
		n++;
	return n;
}

/* A board's capacities among others. */
static uint64_t draw_word(struct random *random)
{
	static const uint64_t edges[] = {
		0, 1, 2, 31, 32, 4096, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		12ull << 30, 32ull << 30, 107937792, 95944704, 188743680, 3ull << 61, 1ull << 62,
		INT64_MAX, 1ull << 63, UINT64_MAX - 4096, UINT64_MAX,
	};

	switch (random_below(random, 4)) {
	case 0:
		return random_next(random) >> random_below(random, 64);
	case 1:
		return edges[random_below(random, ARRAY_SIZE(edges))] + random_below(random, 3) - 1;
	default:
		return edges[random_below(random, ARRAY_SIZE(edges))];
	}
}

static uint64_t draw_value(const struct field_type *field, struct random *random)
{
	static const int16_t deltas[] = {
		-88, -32, -8, -4, -1, 1, 2, 4, 8, 64, 512, 3992, 3993, 4000, 4001, 4008, 4009,
		4040, 4056, 4064, 4065, 4072, 4080, 4081, 4096, 16279,
	};
	static const uint16_t lengths[] = {
		0, 1, 7, 8, 16, 24, 31, 32, 40, 55, 56, 64, 80, 87, 88, 103, 104, 127, 128, 511,
		4095, 4096, 4097, 16384, 65535,
	};
	static const uint16_t times[] = {
		1, 2, 3, 63, 64, 65, 66, 200, 256, 257, 512, 513, 600, 1100,
	};

	switch (field->domain) {
	case D_INDEX:
		return random_below(random, field->limit);
	case D_NAME:
		return random_below(random, names_of(field));
	case D_FEW:
		if (one_in(random, 8))
			return random_next(random) >> (32 + random_below(random, 32));
		return random_below(random, field->limit + one_in(random, 4));
	case D_WORD:
		return draw_word(random);
	case D_DELTA:
		if (one_in(random, 8))
			return draw_word(random);
		return deltas[random_below(random, ARRAY_SIZE(deltas))];
	case D_LENGTH:
		return lengths[random_below(random, ARRAY_SIZE(lengths))];
	case D_TIMES:
		if (one_in(random, 4))
			return times[random_below(random, ARRAY_SIZE(times))];
		return random_below(random, 5);
	}
	return 0;
}

/* Thousands of calls are seldom worth their time. */
static void temper(struct op *op, struct random *random)
{
	if (op->arg[F_TIMES] > 4 && !one_in(random, 16))
		op->arg[F_TIMES] = 1;
}

static void op_default(struct op *op, enum op_kind kind)
{
	unsigned int f;

	op->kind = kind;
	for (f = 0; f < FIELDS; f++)
		op->arg[f] = fields[f].def;
}

static void draw_op(struct op *op, struct random *random)
{
	unsigned int total = 0, kind, i, at;

	for (kind = 0; kind < OP_KINDS; kind++)
		total += types[kind].weight;
	at = random_below(random, total);
	for (kind = 0; at >= types[kind].weight; kind++)
		at -= types[kind].weight;
	/* It takes long, and costs the others their cards. */
	if (one_in(random, 800))
		kind = one_in(random, 2) ? OP_UNBIND : OP_BIND;

	op_default(op, kind);
	for (i = 0; i < types[kind].count; i++) {
		enum field f = types[kind].field[i];
		/* A call in which much is wrong is refused for the first of it. */
		bool said = f == F_FD || f == F_CARD || f == F_PAGE ? one_in(random, 3) :
			    f == F_FILE || f == F_CHIP || f == F_MEMORY || f == F_TAG ||
			    f == F_SIZE || f == F_HELD || f == F_BYTES || f == F_FORM ||
			    f == F_WHO || f == F_ADVICE ?
			    one_in(random, 2) : one_in(random, 8);

		if (said)
			op->arg[f] = draw_value(&fields[f], random);
	}
	temper(op, random);
}

static void insert_op(struct program *program, unsigned int at, const struct op *op)
{
	if (program->count == PROGRAM_OPS)
		return;
	memmove(&program->op[at + 1], &program->op[at],
		(program->count - at) * sizeof(program->op[0]));
	program->op[at] = *op;
	program->count++;
}

/* Take out one operation. */
void program_drop(struct program *program, unsigned int at)
{
	program->count--;
	memmove(&program->op[at], &program->op[at + 1],
		(program->count - at) * sizeof(program->op[0]));
}

/* Make a program from nothing; it begins with an open node, mostly. */
void program_draw(struct program *program, struct random *random)
{
	unsigned int n = 1 + random_below(random, 10);
	struct op op;

	program->count = 0;
	if (!one_in(random, 10)) {
		op_default(&op, OP_OPEN);
		op.arg[F_CARD] = random_below(random, fields[F_CARD].limit);
		insert_op(program, 0, &op);
	}
	while (n--) {
		draw_op(&op, random);
		insert_op(program, program->count, &op);
	}
}

static void tweak(struct program *program, struct random *random)
{
	struct op *op = &program->op[random_below(random, program->count)];
	const struct op_type *type = &types[op->kind];
	enum field f = type->field[random_below(random, type->count ?: 1)];

	if (!type->count)
		return;
	if (fields[f].domain == D_WORD || fields[f].domain == D_DELTA) {
		switch (random_below(random, 4)) {
		case 0:
			op->arg[f] += random_below(random, 9) - 4;
			return;
		case 1:
			op->arg[f] ^= 1ull << random_below(random, 64);
			return;
		}
	}
	op->arg[f] = one_in(random, 4) ? fields[f].def : draw_value(&fields[f], random);
	temper(op, random);
}

/* Change a program a little: insert, drop, take over from @other, say other things. */
void program_mutate(struct program *program, const struct program *other, struct random *random)
{
	struct op op;
	unsigned int at, n;

	do {
		switch (random_below(random, 10)) {
		case 0 ... 2:
			draw_op(&op, random);
			insert_op(program, random_below(random, program->count + 1), &op);
			break;
		case 3:
			if (program->count > 1)
				program_drop(program, random_below(random, program->count));
			break;
		case 4:
			at = random_below(random, other->count);
			n = 1 + random_below(random, other->count - at);
			while (n--)
				insert_op(program, program->count, &other->op[at++]);
			break;
		case 5:
			op = program->op[random_below(random, program->count)];
			insert_op(program, random_below(random, program->count + 1), &op);
			break;
		default:
			tweak(program, random);
		}
	} while (one_in(random, 2));
}

/* As program_read() takes it, without the end of the line. */
void op_print(FILE *out, const struct op *op)
{
	const struct op_type *type = &types[op->kind];
	unsigned int i;

	fputs(type->name, out);
	for (i = 0; i < type->count; i++) {
		const struct field_type *field = &fields[type->field[i]];
		uint64_t value = op->arg[type->field[i]];

		if (value == field->def)
			continue;
		if (field->domain == D_NAME && value < names_of(field))
			fprintf(out, " %s=%s", field->name, field->names[value]);
		else if (field->domain == D_DELTA && (int64_t)value < 0)
			fprintf(out, " %s=-%" PRIu64, field->name, -value);
		else if (value > 0xffff)
			fprintf(out, " %s=0x%" PRIx64, field->name, value);
		else
			fprintf(out, " %s=%" PRIu64, field->name, value);
	}
}

void program_print(FILE *out, const struct program *program)
{
	unsigned int i;

	for (i = 0; i < program->count; i++) {
		op_print(out, &program->op[i]);
		fputc('\n', out);
	}
}

static bool read_value(const struct field_type *field, const char *text, uint64_t *value)
{
	unsigned int i;
	char *end;

	if (field->domain == D_NAME) {
		for (i = 0; field->names[i]; i++) {
			if (!strcmp(field->names[i], text)) {
				*value = i;
				return true;
			}
		}
		return false;
	}
	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && *text && !*end;
}

/* Returns NULL, or what is wrong. */
static const char *read_op(struct op *op, char *text)
{
	static char wrong[128];
	char *word = strtok(text, " \t\n"), *value;
	unsigned int kind, i;

	for (kind = 0; kind < OP_KINDS; kind++)
		if (!strcmp(types[kind].name, word))
			break;
	if (kind == OP_KINDS) {
		snprintf(wrong, sizeof(wrong), "there is no operation %.32s", word);
		return wrong;
	}
	op_default(op, kind);
	while ((word = strtok(NULL, " \t\n"))) {
		value = strchr(word, '=');
		if (!value) {
			snprintf(wrong, sizeof(wrong), "%.32s is not NAME=VALUE", word);
			return wrong;
		}
		*value++ = '\0';
		for (i = 0; i < types[kind].count; i++)
			if (!strcmp(fields[types[kind].field[i]].name, word))
				break;
		if (i == types[kind].count) {
			snprintf(wrong, sizeof(wrong), "%s takes no %.32s", types[kind].name, word);
			return wrong;
		}
		if (!read_value(&fields[types[kind].field[i]], value,
				&op->arg[types[kind].field[i]])) {
			snprintf(wrong, sizeof(wrong), "%s cannot be %.32s", word, value);
			return wrong;
		}
	}
	return NULL;
}

/*
 * Read the next program of a file. @line counts the lines. Returns 1, 0 where
 * the file is over, -1 where it cannot be read, having said why.
 */
int program_read(FILE *in, const char *name, unsigned int *line, struct program *program)
{
	char text[1024];
	const char *wrong = NULL;

	program->count = 0;
	while (!wrong && fgets(text, sizeof(text), in)) {
		++*line;
		text[strcspn(text, "#\n")] = '\0';
		if (!text[strspn(text, " \t")]) {
			/* A remark between two programs parts them as well. */
			if (program->count)
				return 1;
			continue;
		}
		if (program->count == PROGRAM_OPS)
			wrong = "the program is too long";
		else
			wrong = read_op(&program->op[program->count++], text);
	}
	if (wrong) {
		fprintf(stderr, "fuzz: %s:%u: %s\n", name, *line, wrong);
		return -1;
	}
	return program->count ? 1 : 0;
}
