// SPDX-License-Identifier: GPL-2.0-only
/*
 * --query-accounted-apps: clients that have ended, one by one or added up. nvidia-smi's
 * names come first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "look/accounted.h"
#include "look/look.h"
#include "show/query.h"
#include "show/show.h"
#include "text/text.h"

/* A line: one client, or those of a card that have one key. */
struct accounted_row {
	const struct accounted *one;	/* the first of them */
	enum accounted_by by;
	size_t clients;
	uint64_t begin;
	uint64_t end;
	uint64_t time;			/* ms that any of them was there */
	uint64_t chip[2][2];		/* the most they held of each */
};

/* Only what is the same of all of them. */
static const struct accounted *only(const struct row *row)
{
	return row->accounted->by == BY_CLIENT ? row->accounted->one : NULL;
}

static bool print_pid(FILE *out, const struct row *row)
{
	if (!only(row))
		return false;
	fprintf(out, "%d", only(row)->pid);
	return true;
}

static bool print_client(FILE *out, const struct row *row)
{
	if (!only(row))
		return false;
	fprintf(out, "%llu", (unsigned long long)only(row)->client);
	return true;
}

static bool print_command(FILE *out, const struct row *row)
{
	return only(row) && query_text(out, only(row)->command);
}

static bool has_user(const struct row *row)
{
	return row->accounted->by == BY_CLIENT || row->accounted->by == BY_USER;
}

static bool print_uid(FILE *out, const struct row *row)
{
	if (!has_user(row))
		return false;
	fprintf(out, "%u", row->accounted->one->uid);
	return true;
}

static bool print_user(FILE *out, const struct row *row)
{
	return has_user(row) && query_text(out, user_name(row->accounted->one->uid));
}

static bool print_cgroup(FILE *out, const struct row *row)
{
	return (row->accounted->by == BY_CLIENT || row->accounted->by == BY_CGROUP) &&
	       query_text(out, row->accounted->one->cgroup);
}

/*
 * How long the part of a control group's path is that names a job: what is below a job of
 * Slurm's is its steps and tasks, what is below a pod its containers. All that is above
 * stays, so nobody can make a group of his own look like another's job.
 */
static size_t job_length(const char *cgroup)
{
	bool pods = false;
	const char *at;
	size_t len;

	for (at = cgroup; *at == '/'; at += len) {
		at++;
		len = strcspn(at, "/");
		if (len > 4 && !strncmp(at, "job_", 4) && strspn(at + 4, "0123456789") == len - 4)
			return at + len - cgroup;
		if (pods && (!strncmp(at, "pod", 3) || memmem(at, len, "-pod", 4)))
			return at + len - cgroup;
		pods |= !strncmp(at, "kubepods", 8);
	}
	return strlen(cgroup);
}

static bool print_job(FILE *out, const struct row *row)
{
	const char *cgroup = row->accounted->one->cgroup;
	char *job;

	if (row->accounted->by == BY_USER || !*cgroup)
		return false;
	job = strndup(cgroup, job_length(cgroup));
	if (!job)
		out_of_memory();
	csv_text(out, job);
	free(job);
	return true;
}

static bool print_begin(FILE *out, const struct row *row)
{
	csv_time(out, row->accounted->begin / 1000, row->accounted->begin % 1000);
	return true;
}

static bool print_end(FILE *out, const struct row *row)
{
	csv_time(out, row->accounted->end / 1000, row->accounted->end % 1000);
	return true;
}

static bool print_while(FILE *out, const struct row *row)
{
	fprintf(out, "%llu", (unsigned long long)row->accounted->time);
	return true;
}

static bool print_clients(FILE *out, const struct row *row)
{
	fprintf(out, "%zu", row->accounted->clients);
	return true;
}

static bool print_chip_peak(FILE *out, const struct row *row, unsigned int chip,
			    unsigned int memory)
{
	fprintf(out, "%llu", (unsigned long long)row->accounted->chip[chip][memory]);
	return true;
}

static bool print_chip0_dram(FILE *out, const struct row *row)
{
	return print_chip_peak(out, row, 0, TTMEM_DRAM);
}

static bool print_chip0_l1(FILE *out, const struct row *row)
{
	return print_chip_peak(out, row, 0, TTMEM_L1);
}

static bool print_chip1_dram(FILE *out, const struct row *row)
{
	return print_chip_peak(out, row, 1, TTMEM_DRAM);
}

static bool print_chip1_l1(FILE *out, const struct row *row)
{
	return print_chip_peak(out, row, 1, TTMEM_L1);
}

const struct field accounted_fields[] = {
	CUSTOM_FIELD("timestamp", NULL, query_time,
		     "When this was asked, as YYYY/MM/DD HH:MM:SS.mmm."),
	TEXT_FIELD("gpu_name board", board, "The board's type, as n300."),
	TEXT_FIELD("gpu_bus_id bus_id pci.bus_id", id.address,
		   "The card's PCI address."),
	TEXT_FIELD("gpu_serial serial", serial, "The board's serial number."),
	TEXT_FIELD("gpu_uuid asic_id", asic, "The ASIC's id."),
	CUSTOM_FIELD("vgpu_instance", NULL, NULL, "Always [N/A]."),
	CUSTOM_FIELD("pid", NULL, print_pid,
		     "The process that used it last, or that it spoke for."),
	CUSTOM_FIELD("gpu_utilization gpu_util", "%", NULL,
		     "Always [N/A]: no driver tells it."),
	CUSTOM_FIELD("mem_utilization mem_util", "%", NULL,
		     "Always [N/A]: no driver tells it."),
	BOOKS_FIELD("max_memory_usage max_mem_usage", BYTES_MIB, "MiB",
		    PLACE(TTMEM_DRAM, peak), NEEDS_NOTHING,
		    "The most DRAM that it held, to the nearest MiB."),
	CUSTOM_FIELD("time", "ms", print_while, "How long it was there."),
	CUSTOM_FIELD("card index", NULL, query_number,
		     "TT-KMD's number N of the card, as it was then."),
	CUSTOM_FIELD("client", NULL, print_client, "ttmem's number of the client."),
	CUSTOM_FIELD("user", NULL, print_user, "Its user."),
	CUSTOM_FIELD("uid", NULL, print_uid, "Its user's number."),
	CUSTOM_FIELD("command process_name name", NULL, print_command,
		     "The name of the process; at most 15 bytes, without arguments."),
	CUSTOM_FIELD("cgroup", NULL, print_cgroup,
		     "Its control group when it began; [N/A] if that came too late."),
	CUSTOM_FIELD("job", NULL, print_job,
		     "The part of cgroup that names a job of Slurm or a pod; else all of it."),
	CUSTOM_FIELD("begin", NULL, print_begin, "When it began, the first of them."),
	CUSTOM_FIELD("end", NULL, print_end, "When it ended, the last of them."),
	CUSTOM_FIELD("clients", NULL, print_clients, "How many there are in the line."),
	BOOKS_FIELD("dram.peak", BYTES, "B", PLACE(TTMEM_DRAM, peak), NEEDS_NOTHING,
		    "The most DRAM that it held; with --by of those that overlap."),
	BOOKS_FIELD("l1.peak", BYTES, "B", PLACE(TTMEM_L1, peak), NEEDS_NOTHING,
		    "L1, likewise."),
	CUSTOM_FIELD("chip0.dram.peak", "B", print_chip0_dram, "DRAM of chip 0, likewise."),
	CUSTOM_FIELD("chip0.l1.peak", "B", print_chip0_l1, "L1 of chip 0, likewise."),
	CUSTOM_FIELD("chip1.dram.peak", "B", print_chip1_dram, "DRAM of chip 1, likewise."),
	CUSTOM_FIELD("chip1.l1.peak", "B", print_chip1_l1, "L1 of chip 1, likewise."),
	{ }
};

bool accounted_by(const char *text, enum accounted_by *by)
{
	static const char * const words[] = {
		[BY_CGROUP] = "cgroup", [BY_JOB] = "job", [BY_USER] = "user",
	};
	int i;

	for (i = BY_CGROUP; i <= BY_USER; i++)
		if (!strcmp(text, words[i])) {
			*by = i;
			return true;
		}
	return false;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_keys(const struct accounted *a, const struct accounted *b, enum accounted_by by)
{
	size_t a_len, b_len;
	int diff;

	switch (by) {
	case BY_CGROUP:
		return strcmp(a->cgroup, b->cgroup);
	case BY_JOB:
		a_len = job_length(a->cgroup);
		b_len = job_length(b->cgroup);
		diff = memcmp(a->cgroup, b->cgroup, a_len < b_len ? a_len : b_len);
		return diff ? diff : compare(a_len, b_len);
	default:
		return compare(a->uid, b->uid);
	}
}

/* By key, then by card. */
static int compare_groups(const struct accounted *a, const struct accounted *b,
			  enum accounted_by by)
{
	int diff = compare_keys(a, b, by);

	if (!diff)
		diff = compare(a->card, b->card);
	return diff ? diff : strcmp(a->address, b->address);
}

static int by_group(const void *a, const void *b, void *arg)
{
	const struct accounted *const *x = a, *const *y = b;
	int diff = compare_groups(*x, *y, *(const enum accounted_by *)arg);

	return diff ? diff : compare((*x)->begin, (*y)->begin);
}

static int by_end(const void *a, const void *b)
{
	const struct accounted *const *x = a, *const *y = b;

	return compare((*x)->end, (*y)->end);
}

/* What has been added up of those that are there at one moment. */
struct sum {
	uint64_t chip[2][2];
	uint64_t both[2];
};

static void change(struct sum *sum, const struct accounted *a, int sign)
{
	unsigned int chip, memory;

	for (memory = 0; memory < 2; memory++) {
		for (chip = 0; chip < 2; chip++)
			sum->chip[chip][memory] += sign * a->peak[chip][memory];
		sum->both[memory] += sign * accounted_peak(a, memory);
	}
}

static void raise_peak(uint64_t *peak, uint64_t value)
{
	if (value > *peak)
		*peak = value;
}

/* Go through @count clients, which are sorted by their begins, from the first to the last. */
static void add_up(struct accounted_row *row, struct books *books,
		   const struct accounted **clients, size_t count)
{
	const struct accounted **ends = calloc(count, sizeof(*ends));
	unsigned int chip, memory;
	struct sum sum = { 0 };
	uint64_t since = 0;
	size_t i, ended = 0;

	if (!ends)
		out_of_memory();
	memcpy(ends, clients, count * sizeof(*ends));
	qsort(ends, count, sizeof(*ends), by_end);
	row->clients = count;
	row->begin = clients[0]->begin;
	row->end = ends[count - 1]->end;
	for (i = 0; i < count; i++) {
		/* Who ends in the ms in which another begins may have met it. */
		for (; ended < count && ends[ended]->end < clients[i]->begin; ended++) {
			change(&sum, ends[ended], -1);
			if (ended + 1 == i)
				row->time += ends[ended]->end - since;
		}
		if (ended == i)
			since = clients[i]->begin;
		change(&sum, clients[i], 1);
		for (memory = 0; memory < 2; memory++) {
			for (chip = 0; chip < 2; chip++)
				raise_peak(&row->chip[chip][memory], sum.chip[chip][memory]);
			raise_peak(&books->pool[memory].peak, sum.both[memory]);
		}
	}
	if (row->end > since)
		row->time += row->end - since;
	free(ends);
}

static void print_group(FILE *out, const struct snapshot *snap, enum accounted_by by,
			const struct accounted **clients, size_t count, const char *fields,
			const struct csv *csv)
{
	struct accounted_row accounted = { .one = clients[0], .by = by };
	struct books books = { 0 };
	struct card card = { 0 };
	struct row row = {
		.snap = snap, .card = &card, .books = &books, .accounted = &accounted,
	};

	card.id.number = clients[0]->card;
	snprintf(card.id.address, sizeof(card.id.address), "%s", clients[0]->address);
	snprintf(card.board, sizeof(card.board), "%s", clients[0]->board);
	snprintf(card.serial, sizeof(card.serial), "%s", clients[0]->serial);
	snprintf(card.asic, sizeof(card.asic), "%s", clients[0]->asic);
	add_up(&accounted, &books, clients, count);
	query_row(out, QUERY_ACCOUNTED, fields, csv, &row);
}

static bool wanted(const struct want *want, struct filter *filter, const struct accounted *a)
{
	struct card card = { 0 };

	card.id.number = a->card;
	snprintf(card.board, sizeof(card.board), "%s", a->board);
	/* The card that has its number now may be another: not its serial number, then. */
	snprintf(card.serial, sizeof(card.serial), "%s", *a->serial ? a->serial : "-");
	snprintf(card.asic, sizeof(card.asic), "%s", *a->asic ? a->asic : "-");
	return card_wanted(want, &card) && filter_takes(filter, a->pid, true, a->uid);
}

/* What is not in the lines must not be taken for nothing. */
static void tell_missing(const struct accounts *accounts)
{
	if (accounts->left_out)
		say("%llu more clients are only counted in the log, as their users had too many or the log was full",
		    (unsigned long long)accounts->left_out);
	if (accounts->lost_events)
		say("%llu events were lost before ttmem-account read them, so clients are missing",
		    (unsigned long long)accounts->lost_events);
	if (accounts->lost_lines)
		say("%llu clients are missing, as the log could not be written",
		    (unsigned long long)accounts->lost_lines);
	if (accounts->broken)
		say("%llu lines of the log are broken", (unsigned long long)accounts->broken);
	if (accounts->state == ACCOUNTING_OFF)
		say("ttmem-account is not running, so what ends now is not written down: sudo systemctl enable --now ttmem-account");
}

int print_accounts(FILE *out, const struct want *want, enum accounted_by by,
		   const char *fields, const struct csv *csv)
{
	const struct accounted **chosen;
	struct snapshot snap = { 0 };
	struct accounts accounts;
	size_t i, next, count = 0;
	struct filter filter;
	int status;

	accounts_read(&accounts);
	if (*accounts.why) {
		say("%s", accounts.why);
		status = accounts.status;
		accounts_free(&accounts);
		return status;
	}
	clock_gettime(CLOCK_REALTIME, &snap.time);
	chosen = calloc(accounts.clients + 1, sizeof(*chosen));
	if (!chosen)
		out_of_memory();
	filter_open(&filter, want);
	for (i = 0; i < accounts.clients; i++)
		if (wanted(want, &filter, &accounts.client[i]))
			chosen[count++] = &accounts.client[i];
	filter_close(&filter);
	if (by != BY_CLIENT)
		qsort_r(chosen, count, sizeof(*chosen), by_group, &by);
	if (csv->header)
		query_header(out, QUERY_ACCOUNTED, fields, csv);
	for (i = 0; i < count; i = next) {
		for (next = i + 1; next < count && by != BY_CLIENT; next++)
			if (compare_groups(chosen[i], chosen[next], by))
				break;
		print_group(out, &snap, by, &chosen[i], next - i, fields, csv);
	}
	tell_missing(&accounts);
	free(chosen);
	accounts_free(&accounts);
	return EXIT_OK;
}
