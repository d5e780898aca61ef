// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes ttmem's node and files: draws and changes programs (program.c),
 * carries them out (exec.c), and keeps those which reach what none before did.
 * What is reached are places in the driver, one after the other, as KCOV tells
 * them, and answers: each error of each operation. Without KCOV there are only
 * the answers.
 *
 * Several workers share what was reached and what is kept. One that dies or
 * hangs is replaced, and its program printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/options.h"
#include "fuzz.h"

#define WORKERS_MAX	16
#define KEPT_MAX	8192
#define PCS_MAX		(1 << 14)	/* twice what the driver has, at least */
#define FEATURES	(1 << 20)
#define FRESH_MAX	512
#define HANG		90		/* seconds; an emulated machine is slow */
#define CHECK_EVERY	64		/* programs of a worker to a check of the books */

enum what { EXECUTIONS, CHECKS, KEPT, PCS, PASSED, FOUND, WHATS };

struct worker {
	pid_t pid;
	uint64_t executions;	/* the watchdog sees that it goes on */
	uint64_t seen;
	time_t since;
	struct program program;
};

/* Shared by all workers. Nothing of it is locked: a worker may die anywhere. */
static struct shared {
	uint64_t count[WHATS];
	bool stop;
	uint64_t pc[PCS_MAX];
	uint8_t reached[FEATURES];
	struct worker worker[WORKERS_MAX];
	bool ready[KEPT_MAX];
	struct program kept[KEPT_MAX];
} *shared;

/* Of this worker. */
static struct random rng;
static uint32_t generation, *mark;
static unsigned int fresh[FRESH_MAX], fresh_count;
static unsigned int last_pc;
static bool exact;		/* places alone, not how they follow each other */
static int books = -1, turnstile = -1;

static uint64_t minutes = 1, every = 10, worker_count = 2, seed = 1;

static uint64_t add(enum what what, uint64_t n)
{
	return __atomic_fetch_add(&shared->count[what], n, __ATOMIC_RELAXED);
}

/* In seconds. */
static uint64_t now(void)
{
	return st_now_ms() / 1000;
}

static uint64_t hash(uint64_t a, uint64_t b)
{
	struct random random = { a * 0x100000001b3ull ^ b };

	return random_next(&random);
}

/* What was reached. */

static void feature(uint64_t key)
{
	unsigned int f = key % FEATURES;

	if (mark[f] == generation)
		return;
	mark[f] = generation;
	if (!__atomic_load_n(&shared->reached[f], __ATOMIC_RELAXED) && fresh_count < FRESH_MAX)
		fresh[fresh_count++] = f;
}

/* Places are numbered as they are met. */
static unsigned int number_of_pc(uint64_t pc)
{
	unsigned int i = hash(pc, 0) % PCS_MAX, n;

	for (n = 0; n < PCS_MAX; n++, i = (i + 1) % PCS_MAX) {
		uint64_t is = __atomic_load_n(&shared->pc[i], __ATOMIC_RELAXED);

		if (is == pc)
			return i;
		if (!is && __atomic_compare_exchange_n(&shared->pc[i], &is, pc, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			add(PCS, 1);
			return i;
		}
		if (is == pc)
			return i;
	}
	return 0;
}

static void reached(uint64_t pc)
{
	unsigned int n = number_of_pc(pc);

	feature(hash(n, exact ? 0 : last_pc + 1));
	last_pc = n;
}

static void result(enum op_kind kind, long ret)
{
	feature(hash(0x10000 + kind, ret));
	last_pc = 0;
}

/* Programs. */

static void say(const char *format, ...)
{
	va_list args;

	fputs("fuzz: ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void found(const char *what, const struct program *program)
{
	add(FOUND, 1);
	flockfile(stdout);
	say("FOUND: %s; the program:", what);
	program_print(stdout, program);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

/* Who waits to be alone at the cards is not overtaken by those who need not be. */
static void begin(bool alone)
{
	if (books < 0)
		return;
	flock(turnstile, LOCK_EX);
	flock(books, alone ? LOCK_EX : LOCK_SH);
	flock(turnstile, LOCK_UN);
}

static void end(void)
{
	if (books >= 0)
		flock(books, LOCK_UN);
}

/*
 * Run a program. Now and then with nobody else at the cards, and then the books
 * are compared before and after it is over. Returns how much it reached that was
 * not reached before, of which @fresh has the first.
 */
static unsigned int run(const struct program *program, bool check)
{
	const char *wrong;

	generation++;
	fresh_count = 0;
	last_pc = 0;
	begin(check || program_unbinds(program));
	wrong = exec_program(program, NULL);
	if (wrong)
		found(wrong, program);
	if (check) {
		wrong = machine_check(false);
		if (wrong)
			found(wrong, program);
	}
	exec_close();
	if (check) {
		wrong = machine_check(true);
		if (wrong)
			found(wrong, program);
		add(CHECKS, 1);
	}
	end();
	add(EXECUTIONS, 1);
	return fresh_count;
}

/* Take out what a program does not need to reach what it reached first. */
static void minimise(struct program *program, struct worker *worker)
{
	unsigned int wanted[FRESH_MAX], count = fresh_count, i, j;
	struct program shorter;

	memcpy(wanted, fresh, count * sizeof(wanted[0]));
	for (i = program->count; i-- && program->count > 1 && !shared->stop; ) {
		shorter = *program;
		program_drop(&shorter, i);
		worker->program = shorter;
		worker->executions++;
		run(&shorter, false);
		for (j = 0; j < count; j++)
			if (mark[wanted[j]] != generation)
				break;
		if (j == count)
			*program = shorter;
	}
	for (j = 0; j < count; j++)
		shared->reached[wanted[j]] = 1;
}

static void keep(const struct program *program)
{
	uint64_t n = add(KEPT, 1);

	if (n >= KEPT_MAX)
		return;
	shared->kept[n] = *program;
	__atomic_store_n(&shared->ready[n], true, __ATOMIC_RELEASE);
}

static const struct program *pick(void)
{
	uint64_t n = __atomic_load_n(&shared->count[KEPT], __ATOMIC_RELAXED), at;

	if (n > KEPT_MAX)
		n = KEPT_MAX;
	if (!n)
		return NULL;
	/* What is new has had fewer turns. */
	at = random_below(&rng, n);
	if (random_below(&rng, 3) == 0)
		at = n - 1 - at / 8;
	return __atomic_load_n(&shared->ready[at], __ATOMIC_ACQUIRE) ? &shared->kept[at] : NULL;
}

/* Run programs in this process from now on. */
static void setup(void)
{
	/* Shared with children, for which it is of no use, and so not copied for them. */
	mark = mmap(NULL, FEATURES * sizeof(*mark), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mark == MAP_FAILED) {
		perror("fuzz: memory");
		_exit(2);
	}
	exec_setup(reached, result);
}

static int open_lock(const char *name)
{
	/* Each worker its own open file: that is whose the lock is. */
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		fprintf(stderr, "fuzz: %s: %s\n", name, strerror(errno));
		_exit(2);
	}
	return fd;
}

static void work(struct worker *worker, const char *dir, uint64_t salt)
{
	struct program *program = &worker->program, next;
	const struct program *one, *other;

	rng.state = hash(seed, salt);
	books = open_lock(st_text("%s/books", dir));
	turnstile = open_lock(st_text("%s/turnstile", dir));
	setup();
	/* The one before it may have died anywhere. */
	begin(true);
	machine_restore(NULL);
	end();

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		one = pick();
		other = pick();
		if (!one || !other || !random_below(&rng, 10)) {
			program_draw(&next, &rng);
		} else {
			next = *one;
			program_mutate(&next, other, &rng);
		}
		*program = next;
		worker->executions++;
		if (run(program, !(worker->executions % CHECK_EVERY))) {
			next = *program;
			minimise(&next, worker);
			keep(&next);
		}
	}
	_exit(0);
}

/* The corpus. */

/* Read the programs of a file; @fn is called with each. */
static unsigned int read_corpus(const char *name, void (*fn)(const struct program *program))
{
	struct program program;
	unsigned int line = 0, n = 0;
	FILE *in = fopen(name, "r");
	int ret;

	if (!in) {
		fprintf(stderr, "fuzz: %s: %s\n", name, strerror(errno));
		exit(2);
	}
	while ((ret = program_read(in, name, &line, &program)) > 0) {
		fn(&program);
		n++;
	}
	fclose(in);
	if (ret < 0)
		exit(2);
	return n;
}

static int by_length(const void *a, const void *b)
{
	const struct program *const *left = a, *const *right = b;

	return (int)(*left)->count - (int)(*right)->count;
}

/* Write the fewest programs that reach every place and every answer, short ones first. */
static void write_corpus(const char *name)
{
	static const struct program *sorted[KEPT_MAX];
	unsigned int i, n = 0, written = 0;
	FILE *out = fopen(name, "w");

	if (!out) {
		fprintf(stderr, "fuzz: %s: %s\n", name, strerror(errno));
		_exit(2);
	}
	for (i = 0; i < KEPT_MAX; i++)
		if (shared->ready[i])
			sorted[n++] = &shared->kept[i];
	qsort(sorted, n, sizeof(sorted[0]), by_length);
	memset(shared->reached, 0, sizeof(shared->reached));
	exact = true;
	setup();
	for (i = 0; i < n; i++) {
		shared->worker[0].program = *sorted[i];
		if (!run(sorted[i], false))
			continue;
		while (fresh_count--)
			shared->reached[fresh[fresh_count]] = 1;
		if (written++)
			fputc('\n', out);
		program_print(out, sorted[i]);
		/* A later one may crash. */
		fflush(out);
	}
	fclose(out);
	say("%u programs of %u reach all of it", written, n);
	_exit(0);
}

/* Workers. */

static void start(struct worker *worker, const char *dir)
{
	static uint64_t salt;
	pid_t pid;

	salt++;
	worker->since = now();
	worker->seen = worker->executions;
	pid = st_fork();
	if (!pid)
		work(worker, dir, salt);
	worker->pid = pid;
}

static void tell(uint64_t seconds)
{
	uint64_t done = shared->count[EXECUTIONS];

	say("%" PRIu64 " s: %" PRIu64 " executions, %" PRIu64 " a second, %" PRIu64
	    " programs kept, %" PRIu64 " places reached, books compared %" PRIu64 " times",
	    seconds, done, done / (seconds ?: 1), shared->count[KEPT], shared->count[PCS],
	    shared->count[CHECKS]);
}

/* Replace a worker that has ended or stands still. */
static void look_after(struct worker *worker, const char *dir)
{
	char what[64];
	int status;

	if (waitpid(worker->pid, &status, WNOHANG) == worker->pid) {
		if (WIFSIGNALED(status))
			snprintf(what, sizeof(what), "a worker died of signal %d",
				 WTERMSIG(status));
		else
			snprintf(what, sizeof(what), "a worker ended with %d",
				 WEXITSTATUS(status));
		found(what, &worker->program);
		start(worker, dir);
		return;
	}
	if (worker->seen != worker->executions) {
		worker->seen = worker->executions;
		worker->since = now();
	} else if (now() - worker->since > HANG) {
		snprintf(what, sizeof(what), "a program did not end in %d s", HANG);
		found(what, &worker->program);
		kill(worker->pid, SIGKILL);
		waitpid(worker->pid, &status, 0);
		start(worker, dir);
	}
}

static void fuzz(const char *dir)
{
	uint64_t begun = now(), told = begun;
	unsigned int i;

	for (i = 0; i < worker_count; i++)
		start(&shared->worker[i], dir);
	while (now() - begun < minutes * 60) {
		usleep(200000);
		for (i = 0; i < worker_count; i++)
			look_after(&shared->worker[i], dir);
		if (now() - told >= every) {
			told = now();
			tell(told - begun);
		}
		/* What fails always fails a thousand times. */
		if (shared->count[FOUND] >= 20) {
			say("stopped: that is enough to look at");
			break;
		}
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < worker_count; i++) {
		begun = now();
		while (waitpid(shared->worker[i].pid, NULL, WNOHANG) != shared->worker[i].pid) {
			usleep(100000);
			if (now() - begun > HANG) {
				found("a worker did not end", &shared->worker[i].program);
				kill(shared->worker[i].pid, SIGKILL);
				waitpid(shared->worker[i].pid, NULL, 0);
				break;
			}
		}
	}
}

/* Run in a process of its own, which may die. Returns whether it did not. */
static bool apart(void (*fn)(const char *), const char *arg)
{
	int status;
	pid_t pid;

	pid = st_fork();
	if (!pid) {
		fn(arg);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		found("a process died", &shared->worker[0].program);
		return false;
	}
	return true;
}

static void replay_one(const struct program *program)
{
	uint64_t before = shared->count[FOUND];

	shared->worker[0].program = *program;
	if (run(program, true)) {
		while (fresh_count--)
			shared->reached[fresh[fresh_count]] = 1;
		keep(program);
	}
	if (shared->count[FOUND] == before)
		add(PASSED, 1);
}

static void replay(const char *name)
{
	setup();
	say("%u programs of %s run, the books compared after each", read_corpus(name, replay_one),
	    name);
}

static void run_one(const struct program *program)
{
	const char *wrong = exec_program(program, stdout);

	if (!wrong)
		wrong = machine_check(false);
	exec_close();
	if (!wrong)
		wrong = machine_check(true);
	if (wrong)
		found(wrong, program);
	putchar('\n');
}

static void run_loudly(const char *name)
{
	setup();
	read_corpus(name, run_one);
}

static void count_one(const struct program *program)
{
	(void)program;
}

static void reduce(const char *name)
{
	write_corpus(name);
}

static void usage(FILE *out)
{
	fputs("Usage: fuzz [OPTION...]\n"
	      "Fuzzes ttmem's node and files on this machine, which should be a guest made for it.\n"
	      "\n"
	      "  --corpus FILE    programs to begin with\n"
	      "  --minutes N      for how long (1)\n"
	      "  --seed N         what the programs are drawn from (1)\n"
	      "  --workers N      how many at once (2)\n"
	      "  --every SECONDS  how often it tells (10)\n"
	      "  --out FILE       where to write the programs that it ends with\n"
	      "  --replay FILE    only run these programs, and compare the books after each\n"
	      "  --run FILE       only run these, and print what each operation answers\n"
	      "\n"
	      "Exit status: 1 if a call answered what the reference does not know, the books were\n"
	      "not what the clients hold, or a worker died or hung.\n", out);
}

int main(int argc, char **argv)
{
	const char *corpus = NULL, *out = NULL, *only = NULL, *loud = NULL;
	const struct st_option options[] = {
		{ "corpus", .text = &corpus },
		{ "minutes", .number = &minutes, .most = UINT32_MAX },
		{ "seed", .number = &seed, .most = UINT64_MAX },
		{ "workers", .number = &worker_count, .least = 1, .most = WORKERS_MAX },
		{ "every", .number = &every, .most = UINT32_MAX },
		{ "out", .text = &out },
		{ "replay", .text = &only },
		{ "run", .text = &loud },
		{ }
	};
	char dir[] = "/tmp/fuzz.XXXXXX";
	uint64_t begun;

	st_options(argc, argv, options, usage);
	machine_look();
	if (!machine.cards) {
		fputs("fuzz: there is no /dev/tenstorrent/mem/0: no card, or ttmem is not loaded\n",
		      stderr);
		return 2;
	}
	if (!mkdtemp(dir)) {
		perror("fuzz: /tmp");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("fuzz: memory");
		return 2;
	}
	begun = now();
	if (!machine.kcov)
		say("no /sys/kernel/debug/kcov: blind but for what calls answer");

	if (loud) {
		apart(run_loudly, loud);
	} else if (only) {
		unsigned int n = read_corpus(only, count_one);

		apart(replay, only);
		printf("TOTAL: %" PRIu64 " passed, %" PRIu64 " failed\n", shared->count[PASSED],
		       n - shared->count[PASSED]);
	} else {
		say("seed %" PRIu64 ", %" PRIu64 " minutes, %" PRIu64
		    " workers, %d cards, %s, faults %s", seed, minutes, worker_count,
		    machine.cards, machine.root ? "as root" : "as a plain user",
		    machine.fail_nth ? "injected" : "not to be had");
		if (corpus)
			apart(replay, corpus);
		fuzz(dir);
		tell(now() - begun);
		machine_restore(NULL);
		if (out)
			apart(reduce, out);
		say("executions %" PRIu64, shared->count[EXECUTIONS]);
		say("places %" PRIu64, shared->count[PCS]);
		say("found %" PRIu64, shared->count[FOUND]);
	}
	machine_leave();
	return shared->count[FOUND] ? 1 : 0;
}
