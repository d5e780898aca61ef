// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fields of --query-card and --query-chip. A field has nvidia-smi's name where that
 * has one for it, and then its unit.
 */
#include <stdio.h>

#include "look/accounted.h"
#include "look/look.h"
#include "show/nvidia.h"
#include "show/query.h"
#include "text/text.h"

static bool print_tt_kmd(FILE *out, const struct row *row)
{
	return query_text(out, row->snap->tt_kmd);
}

static bool print_ttmem(FILE *out, const struct row *row)
{
	return query_text(out, row->snap->ttmem);
}

static bool print_count(FILE *out, const struct row *row)
{
	fprintf(out, "%zu", row->snap->cards);
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

static bool print_silent_processes(FILE *out, const struct row *row)
{
	if (!row->card->silent.known)
		return false;
	fprintf(out, "%llu", (unsigned long long)row->card->silent.processes);
	return true;
}

static bool print_silent_reason(FILE *out, const struct row *row)
{
	return query_text(out, silent_word(row->snap, &row->card->silent));
}

static bool print_percent(FILE *out, const struct row *row, unsigned int memory)
{
	int percent;

	if (!row->books || !(query_of_process(row) ||
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

const struct field card_fields[] = {
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
	SILENT_FIELD("dram.used_percent", "%", print_dram_percent,
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
	SILENT_FIELD("l1.used_percent", "%", print_l1_percent,
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
	SILENT_FIELD("silent_processes", NULL, print_silent_processes,
		     "Processes that use it and do not tell how much; then what is free is [N/A]."),
	SILENT_FIELD("silent_reason", NULL, print_silent_reason,
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
