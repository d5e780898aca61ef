// SPDX-License-Identifier: GPL-2.0-only
/*
 * --query-card and the like: lines of CSV with the fields that are asked for.
 * All there are stand in the tables below, from which --help-query is made.
 * A field has nvidia-smi's name where that has one for it, and then its unit.
 */
#include <stdlib.h>
#include <string.h>

#include "look/accounted.h"
#include "query.h"
#include "words.h"

bool query_time(FILE *out, const struct row *row)
{
	csv_time(out, row->snap->time.tv_sec, row->snap->time.tv_nsec / 1000000);
	return true;
}

static bool text_or_not(FILE *out, const char *text)
{
	if (!text || !*text)
		return false;
	csv_text(out, text);
	return true;
}

static bool print_tt_kmd(FILE *out, const struct row *row)
{
	return text_or_not(out, row->snap->tt_kmd);
}

static bool print_ttmem(FILE *out, const struct row *row)
{
	return text_or_not(out, row->snap->ttmem);
}

static bool print_count(FILE *out, const struct row *row)
{
	fprintf(out, "%zu", row->snap->cards);
	return true;
}

bool query_number(FILE *out, const struct row *row)
{
	if (!row->card)
		return false;
	fprintf(out, "%u", row->card->id.number);
	return true;
}

static bool print_chips(FILE *out, const struct row *row)
{
	if (!row->books)
		return false;
	fprintf(out, "%zu", row->card->chips);
	return true;
}

static bool print_chip(FILE *out, const struct row *row)
{
	if (!row->books)
		return false;
	fprintf(out, "%zu", row->chip);
	return true;
}

/* Such a line is what was told of it, whoever else uses the card. */
static bool is_of_process(const struct row *row)
{
	return row->process || row->accounted;
}

static bool print_silent_processes(FILE *out, const struct row *row)
{
	if (!row->card->silent.known)
		return false;
	fprintf(out, "%llu", (unsigned long long)row->card->silent.processes);
	return true;
}

static bool print_silent_reason(FILE *out, const struct row *row)
{
	return text_or_not(out, silent_word(row->snap, &row->card->silent));
}

static bool print_percent(FILE *out, const struct row *row, unsigned int memory)
{
	int percent;

	if (!row->books || !(is_of_process(row) ||
			     used_known(row->card, &row->books->pool[memory])))
		return false;
	percent = percent_used(&row->books->pool[memory]);
	if (percent < 0)
		return false;
	fprintf(out, "%d", percent);
	return true;
}

static bool print_dram_percent(FILE *out, const struct row *row)
{
	return print_percent(out, row, TTMEM_DRAM);
}

static bool print_l1_percent(FILE *out, const struct row *row)
{
	return print_percent(out, row, TTMEM_L1);
}

static bool print_milli(FILE *out, bool known, int64_t n, unsigned int decimals)
{
	char text[32];

	if (!known)
		return false;
	format_milli(text, sizeof(text), n, decimals);
	fputs(text, out);
	return true;
}

static bool print_temperature(FILE *out, const struct row *row)
{
	return print_milli(out, row->card->has_temperature,
			   row->card->temperature, 0);
}

static bool print_power(FILE *out, const struct row *row)
{
	return print_milli(out, row->card->has_power, row->card->power / 1000, 2);
}

static bool print_power_limit(FILE *out, const struct row *row)
{
	return print_milli(out, row->card->has_power_limit,
			   row->card->power_limit / 1000, 2);
}

static bool print_clock(FILE *out, const struct row *row)
{
	if (!row->card->has_clock)
		return false;
	fprintf(out, "%llu", (unsigned long long)row->card->clock);
	return true;
}

static bool print_accounting(FILE *out, const struct row *row)
{
	struct accounts accounts;

	(void)row;
	accounts_read_state(&accounts);
	if (accounts.state == ACCOUNTING_UNKNOWN)
		return false;
	fputs(accounts.state == ACCOUNTING_ON ? "Enabled" : "Disabled", out);
	return true;
}

/* A part of the PCI address, as nvidia-smi writes it: "0x0A". */
static bool print_address(FILE *out, const struct row *row, unsigned int part, int digits)
{
	unsigned int parts[3];

	if (sscanf(row->card->id.address, "%x:%x:%x", &parts[0], &parts[1], &parts[2]) != 3)
		return false;
	fprintf(out, "0x%0*X", digits, parts[part]);
	return true;
}

static bool print_domain(FILE *out, const struct row *row)
{
	return print_address(out, row, 0, 4);
}

static bool print_bus(FILE *out, const struct row *row)
{
	return print_address(out, row, 1, 2);
}

static bool print_device(FILE *out, const struct row *row)
{
	return print_address(out, row, 2, 2);
}

#define POWER_LIMIT_FIELDS \
	"power.limit gpu.power.requested_limit enforced.power.limit gpu.power.current_limit"
/* Always [N/A]. */
#define NVIDIA_FIELD(names_, unit_) CUSTOM_FIELD(names_, unit_, NULL, NULL)

static const struct field card_fields[] = {
	CUSTOM_FIELD("timestamp", NULL, query_time,
		     "When the card was looked at, as YYYY/MM/DD HH:MM:SS.mmm."),
	CUSTOM_FIELD("driver_version kmd_version tt_kmd.version", NULL, print_tt_kmd,
		     "The version of TT-KMD."),
	CUSTOM_FIELD("ttmem.version", NULL, print_ttmem,
		     "The version of the kernel module ttmem."),
	CUSTOM_FIELD("count", NULL, print_count,
		     "How many cards are shown."),
	CUSTOM_FIELD("index card", NULL, query_number,
		     "TT-KMD's number N of the card, as in /dev/tenstorrent/N."),
	TEXT_FIELD("name board gpu_name", board,
		   "The board's type, as n300."),
	TEXT_FIELD("pci.bus_id bus_id gpu_bus_id", id.address,
		   "The PCI address."),
	CUSTOM_FIELD("pci.domain", NULL, print_domain, "Of the PCI address, in hex."),
	CUSTOM_FIELD("pci.bus", NULL, print_bus, "Likewise."),
	CUSTOM_FIELD("pci.device", NULL, print_device, "Likewise."),
	TEXT_FIELD("uuid asic_id gpu_uuid", asic,
		   "The ASIC's id, as TT-KMD tells it."),
	TEXT_FIELD("serial gpu_serial", serial,
		   "The board's serial number, as TT-KMD tells it."),
	TEXT_FIELD("firmware vbios_version", firmware,
		   "The version of the bundle of firmware."),
	CUSTOM_FIELD("chips", NULL, print_chips,
		     "How many ASICs are reached through the card."),
	CUSTOM_FIELD("chip", NULL, print_chip,
		     "The ASIC, 0 is the one on PCIe. Only of --query-chip."),
	BOOKS_FIELD("memory.total", BYTES_MIB, "MiB", TOTAL(TTMEM_DRAM),
		    TOTAL(TTMEM_DRAM),
		    "Capacity of the DRAM, to the nearest MiB."),
	BOOKS_FIELD("memory.used", BYTES_MIB, "MiB", PLACE(TTMEM_DRAM, used),
		    NEEDS_NOTHING,
		    "DRAM that all processes hold, to the nearest MiB."),
	BOOKS_FIELD("memory.free", BYTES_MIB, "MiB", PLACE(TTMEM_DRAM, free),
		    TOTAL(TTMEM_DRAM),
		    "DRAM that nobody holds, to the nearest MiB."),
	BOOKS_FIELD("dram.total", BYTES, "B", TOTAL(TTMEM_DRAM),
		    TOTAL(TTMEM_DRAM), "Capacity of the DRAM."),
	BOOKS_FIELD("dram.used", BYTES, "B", PLACE(TTMEM_DRAM, used),
		    NEEDS_NOTHING, "DRAM that all processes hold."),
	BOOKS_FIELD("dram.free", BYTES, "B", PLACE(TTMEM_DRAM, free),
		    TOTAL(TTMEM_DRAM), "DRAM that nobody holds."),
	BOOKS_FIELD("dram.peak", BYTES, "B", PLACE(TTMEM_DRAM, peak),
		    NEEDS_NOTHING,
		    "The most DRAM that was held since ttmem was loaded, or --reset-peaks."),
	CUSTOM_FIELD("dram.used_percent", "%", print_dram_percent,
		     "DRAM that is held, of its capacity."),
	BOOKS_FIELD("dram.buffer", BYTES, "B", TAG(TTMEM_DRAM, TTMEM_TAG_BUFFER),
		    NEEDS_NOTHING, "Of dram.used, what is for buffers."),
	BOOKS_FIELD("dram.trace", BYTES, "B", TAG(TTMEM_DRAM, TTMEM_TAG_TRACE),
		    NEEDS_NOTHING, "Of dram.used, what is for traces."),
	BOOKS_FIELD("dram.system", BYTES, "B", TAG(TTMEM_DRAM, TTMEM_TAG_SYSTEM),
		    NEEDS_NOTHING,
		    "Of dram.used, what firmware and runtimes keep for themselves."),
	BOOKS_FIELD("dram.banks", NUMBER, NULL, PLACE(TTMEM_DRAM, banks),
		    PLACE(TTMEM_DRAM, banks), "Channels of the DRAM."),
	BOOKS_FIELD("l1.total", BYTES, "B", TOTAL(TTMEM_L1), TOTAL(TTMEM_L1),
		    "Capacity of the L1 of all Tensix cores."),
	BOOKS_FIELD("l1.used", BYTES, "B", PLACE(TTMEM_L1, used), NEEDS_NOTHING,
		    "L1 that all processes hold."),
	BOOKS_FIELD("l1.free", BYTES, "B", PLACE(TTMEM_L1, free),
		    TOTAL(TTMEM_L1), "L1 that nobody holds."),
	BOOKS_FIELD("l1.peak", BYTES, "B", PLACE(TTMEM_L1, peak), NEEDS_NOTHING,
		    "The most L1 that was held since ttmem was loaded, or --reset-peaks."),
	CUSTOM_FIELD("l1.used_percent", "%", print_l1_percent,
		     "L1 that is held, of its capacity."),
	BOOKS_FIELD("l1.buffer", BYTES, "B", TAG(TTMEM_L1, TTMEM_TAG_BUFFER),
		    NEEDS_NOTHING, "Of l1.used, what is for buffers."),
	BOOKS_FIELD("l1.l1_small", BYTES, "B", TAG(TTMEM_L1, TTMEM_TAG_L1_SMALL),
		    NEEDS_NOTHING, "Of l1.used, what is of the small region."),
	BOOKS_FIELD("l1.cb", BYTES, "B", TAG(TTMEM_L1, TTMEM_TAG_CB),
		    NEEDS_NOTHING, "Of l1.used, what is for circular buffers."),
	BOOKS_FIELD("l1.system", BYTES, "B", TAG(TTMEM_L1, TTMEM_TAG_SYSTEM),
		    NEEDS_NOTHING,
		    "Of l1.used, what firmware and runtimes keep for themselves."),
	BOOKS_FIELD("l1.banks", NUMBER, NULL, PLACE(TTMEM_L1, banks),
		    PLACE(TTMEM_L1, banks), "Tensix cores with L1."),
	CUSTOM_FIELD("silent_processes", NULL, print_silent_processes,
		     "Processes that use it and do not tell how much; then what is free is [N/A]."),
	CUSTOM_FIELD("silent_reason", NULL, print_silent_reason,
		     "Why, of most of them, in a word."),
	BOOKS_FIELD("clients", NUMBER, NULL, offsetof(struct books, clients),
		    NEEDS_NOTHING, "How many open files hold anything."),
	BOOKS_FIELD("reservations", NUMBER, NULL,
		    offsetof(struct books, reservations), NEEDS_NOTHING,
		    "How many reservations are held."),
	BOOKS_FIELD("denied", NUMBER, NULL, offsetof(struct books, denied),
		    NEEDS_NOTHING,
		    "How many reservations were refused, for lack of room or a limit."),
	CUSTOM_FIELD("temperature.gpu temperature", NULL, print_temperature,
		     "Temperature of the ASIC in degrees Celsius."),
	CUSTOM_FIELD("power.draw power.draw.instant gpu.power.draw.instant", "W", print_power,
		     "Power that is drawn."),
	CUSTOM_FIELD(POWER_LIMIT_FIELDS, "W", print_power_limit,
		     "Power that the firmware allows."),
	CUSTOM_FIELD("clocks.current.sm clocks.sm clocks.current.graphics clocks.gr clock", "MHz",
		     print_clock, "Clock of the Tensix cores."),
	CUSTOM_FIELD("accounting.mode", NULL, print_accounting,
		     "Enabled or Disabled: whether ttmem-account is running."),
	NVIDIA_FIELD(NVIDIA_FIELDS, NULL),
	NVIDIA_FIELD(NVIDIA_FIELDS_PERCENT, "%"),
	NVIDIA_FIELD(NVIDIA_FIELDS_MIB, "MiB"),
	NVIDIA_FIELD(NVIDIA_FIELDS_WATTS, "W"),
	NVIDIA_FIELD(NVIDIA_FIELDS_WATTS_PER_SECOND, "W/s"),
	NVIDIA_FIELD(NVIDIA_FIELDS_MHZ, "MHz"),
	NVIDIA_FIELD(NVIDIA_FIELDS_US, "us"),
	NVIDIA_FIELD(NVIDIA_FIELDS_MS, "ms"),
	NVIDIA_FIELD(NVIDIA_FIELDS_SECONDS, "seconds"),
	{ }
};

static bool print_pid(FILE *out, const struct row *row)
{
	if (!row->process->pid)
		return false;
	fprintf(out, "%d", row->process->pid);
	return true;
}

static bool print_command(FILE *out, const struct row *row)
{
	return text_or_not(out, row->process->command);
}

static bool print_user(FILE *out, const struct row *row)
{
	return text_or_not(out, row->process->user);
}

static bool print_uid(FILE *out, const struct row *row)
{
	if (!row->process->has_uid)
		return false;
	fprintf(out, "%u", row->process->uid);
	return true;
}

static bool print_source(FILE *out, const struct row *row)
{
	return text_or_not(out, source_name(row->process));
}

static bool print_of_chip(FILE *out, const struct row *row)
{
	if (!row->process->reports)
		return false;
	fprintf(out, "%u", row->process->chip);
	return true;
}

static bool print_held(FILE *out, const struct row *row)
{
	if (!row->process->reports)
		return false;
	fprintf(out, "%llu", (unsigned long long)row->process->reservations);
	return true;
}

/*
 * What a process holds stands for the books of its row: with that, bytes are of
 * one kind in both tables.
 */
static const struct field process_fields[] = {
	CUSTOM_FIELD("timestamp", NULL, query_time,
		     "When the process was looked at, as YYYY/MM/DD HH:MM:SS.mmm."),
	CUSTOM_FIELD("pid", NULL, print_pid,
		     "The process; [N/A] where it cannot be seen from here or has ended."),
	CUSTOM_FIELD("process_name name command", NULL, print_command,
		     "Its command line."),
	CUSTOM_FIELD("user", NULL, print_user, "The user it runs as."),
	CUSTOM_FIELD("uid", NULL, print_uid, "The user's number."),
	CUSTOM_FIELD("card index", NULL, query_number,
		     "TT-KMD's number N of the card."),
	CUSTOM_FIELD("chip", NULL, print_of_chip,
		     "The ASIC; [N/A] for a process that reports nothing."),
	BOOKS_FIELD("used_memory used_gpu_memory", BYTES_MIB, "MiB",
		    PLACE(TTMEM_DRAM, used), NEEDS_NOTHING,
		    "DRAM that it holds, to the nearest MiB."),
	BOOKS_FIELD("dram", BYTES, "B", PLACE(TTMEM_DRAM, used), NEEDS_NOTHING,
		    "DRAM that it holds."),
	BOOKS_FIELD("l1", BYTES, "B", PLACE(TTMEM_L1, used), NEEDS_NOTHING,
		    "L1 that it holds."),
	BOOKS_FIELD("max_memory_usage", BYTES_MIB, "MiB",
		    PLACE(TTMEM_DRAM, peak), NEEDS_NOTHING,
		    "The most DRAM that it has held, to the nearest MiB."),
	BOOKS_FIELD("dram.peak", BYTES, "B", PLACE(TTMEM_DRAM, peak),
		    NEEDS_NOTHING, "The most DRAM that it has held."),
	BOOKS_FIELD("l1.peak", BYTES, "B", PLACE(TTMEM_L1, peak), NEEDS_NOTHING,
		    "The most L1 that it has held."),
	CUSTOM_FIELD("reservations", NULL, print_held,
		     "How many reservations it holds."),
	CUSTOM_FIELD("source", NULL, print_source,
		     "Who told it: self, attributed if another program did for it, or both."),
	TEXT_FIELD("gpu_name board", board, "The board's type, as n300."),
	TEXT_FIELD("gpu_bus_id bus_id pci.bus_id", id.address,
		   "The card's PCI address."),
	TEXT_FIELD("gpu_uuid asic_id", asic, "The ASIC's id."),
	TEXT_FIELD("gpu_serial serial", serial, "The board's serial number."),
	{ }
};

static const struct field *fields_of(enum query query)
{
	if (query == QUERY_ACCOUNTED)
		return accounted_fields;
	return query == QUERY_PROCESSES ? process_fields : card_fields;
}

/* Find a field by one of its names, whose length is told. */
static const struct field *find_field(enum query query, const char *name,
				      size_t len)
{
	const struct field *field;

	for (field = fields_of(query); field->names; field++) {
		const char *at = field->names;

		while (*at) {
			size_t size = strcspn(at, " ");

			if (size == len && !memcmp(at, name, len))
				return field;
			at += size + (at[size] == ' ');
		}
	}
	return NULL;
}

/* The next name of a list with commas, blanks around it left out. */
static const char *next_field(const char **list, size_t *len)
{
	const char *name = *list;

	if (!name)
		return NULL;
	name += strspn(name, " ");
	*len = strcspn(name, ",");
	*list = name[*len] ? name + *len + 1 : NULL;
	while (*len && name[*len - 1] == ' ')
		--*len;
	return name;
}

bool query_check(enum query query, const char *fields, char *why,
		 size_t why_size)
{
	static const char * const help[] = {
		[QUERY_CARDS] = "card", [QUERY_CHIPS] = "chip",
		[QUERY_PROCESSES] = "compute-apps",
		[QUERY_ACCOUNTED] = "accounted-apps",
	};
	const struct field *field;
	char found[64] = "";
	unsigned int best;
	const char *name;
	size_t len;

	while ((name = next_field(&fields, &len))) {
		if (find_field(query, name, len))
			continue;
		best = MISTAKES(len);
		for (field = fields_of(query); field->names; field++)
			closest(name, len, field->names, &best, found, sizeof(found));
		snprintf(why, why_size,
			 "field \"%.*s\" is not a valid field to query%s%s%s: --help-query-%s explains those there are",
			 (int)len, name, *found ? " (did you mean " : "", found,
			 *found ? "?)" : "", help[query]);
		return false;
	}
	return true;
}

bool query_wants_peaks(enum query query, const char *fields)
{
	const char *name;
	size_t len;

	if (query != QUERY_PROCESSES)
		return false;
	while ((name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);

		if ((field->kind == BYTES || field->kind == BYTES_MIB) &&
		    (field->place == PLACE(TTMEM_DRAM, peak) ||
		     field->place == PLACE(TTMEM_L1, peak)))
			return true;
	}
	return false;
}

bool query_wants_commands(const char *fields)
{
	const char *name;
	size_t len;

	while ((name = next_field(&fields, &len)))
		if (find_field(QUERY_PROCESSES, name, len)->value == print_command)
			return true;
	return false;
}

static uint64_t books_number(const struct books *books, size_t place)
{
	return *(const uint64_t *)((const char *)books + place);
}

static bool is_free(const struct field *field)
{
	return field->place == PLACE(TTMEM_DRAM, free) || field->place == PLACE(TTMEM_L1, free);
}

static bool is_used(const struct field *field)
{
	return field->place == PLACE(TTMEM_DRAM, used) || field->place == PLACE(TTMEM_L1, used);
}

/* Print a value with no unit, false if it is not known. */
static bool print_plain(FILE *out, const struct field *field,
			const struct row *row, bool bytes)
{
	uint64_t n;

	switch (field->kind) {
	case CARD_TEXT:
		return row->card &&
		       text_or_not(out, (const char *)row->card + field->place);
	case CUSTOM:
		return field->value && field->value(out, row);
	default:
		break;
	}
	if (!row->books || (field->needs != NEEDS_NOTHING &&
			    !books_number(row->books, field->needs)))
		return false;
	n = books_number(row->books, field->place);
	if (!is_of_process(row) && row->card->silent.processes &&
	    (is_free(field) || (is_used(field) && !n)))
		return false;
	if (field->kind == BYTES_MIB && !bytes)
		n = in_mib(n);
	fprintf(out, "%llu", (unsigned long long)n);
	return true;
}

static const char *unit_of(const struct field *field, const struct csv *csv)
{
	return field->kind == BYTES_MIB && csv->bytes ? "B" : field->unit;
}

void query_header(FILE *out, enum query query, const char *fields,
		  const struct csv *csv)
{
	const char *name, *comma = "";
	size_t len;

	while ((name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);
		const char *unit = unit_of(field, csv);

		fprintf(out, "%s%.*s", comma, (int)len, name);
		if (unit)
			fprintf(out, " [%s]", unit);
		comma = ", ";
	}
	fputc('\n', out);
}

void query_row(FILE *out, enum query query, const char *fields,
	       const struct csv *csv, const struct row *row)
{
	bool first = true;
	const char *name;
	size_t len;

	while ((name = next_field(&fields, &len))) {
		const struct field *field = find_field(query, name, len);
		const char *unit = unit_of(field, csv);
		char *text = NULL;
		size_t size;
		FILE *value = open_memstream(&text, &size);
		bool known;

		if (!value)
			out_of_memory();
		known = print_plain(value, field, row, csv->bytes);
		if (fclose(value))
			out_of_memory();
		if (!first)
			csv_comma(out, known && *text == '"');
		first = false;
		fputs(known ? text : "[N/A]", out);
		if (known && unit && csv->units)
			fprintf(out, " %s", unit);
		free(text);
	}
	fputc('\n', out);
}

static void print_process_row(FILE *out, const struct snapshot *snap,
			      const struct process *p, const char *fields,
			      const struct csv *csv)
{
	struct books held = { 0 };
	struct row row = {
		.snap = snap,
		.card = snapshot_card(snap, p->card),
		.books = p->reports ? &held : NULL,
		.process = p,
	};

	held.pool[TTMEM_DRAM].used = p->bytes[TTMEM_DRAM];
	held.pool[TTMEM_L1].used = p->bytes[TTMEM_L1];
	held.pool[TTMEM_DRAM].peak = p->peak[TTMEM_DRAM];
	held.pool[TTMEM_L1].peak = p->peak[TTMEM_L1];
	query_row(out, QUERY_PROCESSES, fields, csv, &row);
}

/* Where the list cannot be read: that is not the same as no processes. */
static void print_unknown_rows(FILE *out, const struct snapshot *snap,
			       const char *fields, const struct csv *csv)
{
	struct process nobody = { 0 };
	size_t i;

	for (i = 0; i < snap->cards; i++) {
		nobody.card = snap->card[i].id.number;
		print_process_row(out, snap, &nobody, fields, csv);
	}
}

static void print_card_rows(FILE *out, const struct snapshot *snap,
			    const struct card *card, enum query query,
			    const char *fields, const struct csv *csv)
{
	struct row row = { .snap = snap, .card = card };

	if (query == QUERY_CARDS || !card->chips) {
		row.books = card->chips ? &card->sum : NULL;
		query_row(out, query, fields, csv, &row);
		return;
	}
	for (; row.chip < card->chips; row.chip++) {
		row.books = &card->chip[row.chip];
		query_row(out, query, fields, csv, &row);
	}
}

void print_query(FILE *out, const struct snapshot *snap, enum query query,
		 const char *fields, const struct csv *csv, bool first)
{
	size_t i;

	if (csv->header && first)
		query_header(out, query, fields, csv);
	if (query == QUERY_PROCESSES) {
		if (!snap->processes_known)
			print_unknown_rows(out, snap, fields, csv);
		for (i = 0; i < snap->processes; i++)
			print_process_row(out, snap, &snap->process[i], fields,
					  csv);
		return;
	}
	for (i = 0; i < snap->cards; i++)
		print_card_rows(out, snap, &snap->card[i], query, fields, csv);
}

void print_query_help(FILE *out, enum query query)
{
	const struct field *field;

	if (query == QUERY_PROCESSES)
		fputs("--query-compute-apps=LIST: a line for each process and chip that it holds memory of\n"
		      "or, if a peak is asked for, has held.\n", out);
	else if (query == QUERY_ACCOUNTED)
		fputs("--query-accounted-apps=LIST: a line for each client that has ended, as ttmem-account\n"
		      "has written it down; or with --by for each card and control group, job or user.\n",
		      out);
	else
		fputs("--query-card=LIST, --query-gpu=LIST: a line for each card.\n"
		      "--query-chip=LIST: a line for each chip.\n", out);
	fputs("Fields, separated by commas:\n", out);
	for (field = fields_of(query); field->names && field->what; field++) {
		const char *at = field->names;

		fputc('\n', out);
		while (*at) {
			size_t size = strcspn(at, " ");

			fprintf(out, "%s\"%.*s\"",
				at == field->names ? "" : " or ", (int)size, at);
			at += size + (at[size] == ' ');
		}
		if (field->unit)
			fprintf(out, " [%s]", field->unit);
		fprintf(out, "\n  %s\n", field->what);
	}
	if (!field->names)
		return;
	fputs("\nAlways [N/A], as no driver tells them; so that what is written for nvidia-smi runs:\n\n",
	      out);
	for (; field->names; field++) {
		const char *at = field->names;

		while (*at) {
			size_t size = strcspn(at, " ");

			fprintf(out, "\"%.*s\"", (int)size, at);
			if (field->unit)
				fprintf(out, " [%s]", field->unit);
			fputc('\n', out);
			at += size;
			at += strspn(at, " ");
		}
	}
}
