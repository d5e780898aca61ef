// SPDX-License-Identifier: GPL-2.0-only
/* The fields of --query-compute-apps. */
#include <stdio.h>

#include "look/look.h"
#include "show/query.h"

static bool print_pid(FILE *out, const struct row *row)
{
	if (!row->process->pid)
		return false;
	fprintf(out, "%d", row->process->pid);
	return true;
}

bool query_command(FILE *out, const struct row *row)
{
	return query_text(out, row->process->command);
}

static bool print_user(FILE *out, const struct row *row)
{
	return query_text(out, row->process->user);
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
	return query_text(out, source_name(row->process));
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
const struct field process_fields[] = {
	CUSTOM_FIELD("timestamp", NULL, query_time,
		     "When the process was looked at, as YYYY/MM/DD HH:MM:SS.mmm."),
	CUSTOM_FIELD("pid", NULL, print_pid,
		     "The process; [N/A] where it cannot be seen from here or has ended."),
	CUSTOM_FIELD("process_name name command", NULL, query_command,
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
