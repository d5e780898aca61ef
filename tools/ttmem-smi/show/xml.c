// SPDX-License-Identifier: GPL-2.0-only
/*
 * -q -x: XML with the elements of nvidia-smi's, so that what reads that finds what there
 * is, and N/A in the place of the rest. ttmem's own have names that nvidia-smi has not.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "look/look.h"
#include "show/show.h"
#include "text/text.h"

static void begin(FILE *out, unsigned int depth, const char *name)
{
	fprintf(out, "%*s<%s>\n", 2 * depth, "", name);
}

static void end(FILE *out, unsigned int depth, const char *name)
{
	fprintf(out, "%*s</%s>\n", 2 * depth, "", name);
}

static void __attribute__((format(printf, 4, 5)))
element(FILE *out, unsigned int depth, const char *name, const char *format, ...)
{
	va_list args;

	fprintf(out, "%*s<%s>", 2 * depth, "", name);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fprintf(out, "</%s>\n", name);
}

static void text_element(FILE *out, unsigned int depth, const char *name, const char *text)
{
	char *clean = printable(text && *text ? text : "N/A");

	fprintf(out, "%*s<%s>", 2 * depth, "", name);
	xml_text(out, clean, SIZE_MAX);
	fprintf(out, "</%s>\n", name);
	free(clean);
}

static void number_element(FILE *out, unsigned int depth, const char *name, uint64_t n,
			   const char *unit, bool known)
{
	if (known)
		element(out, depth, name, "%llu%s", (unsigned long long)n, unit);
	else
		element(out, depth, name, "N/A");
}

static void milli_element(FILE *out, unsigned int depth, const char *name, int64_t n,
			  unsigned int decimals, const char *unit, bool known)
{
	char text[32];

	format_milli(text, sizeof(text), n, decimals);
	element(out, depth, name, "%s%s", known ? text : "N/A", known ? unit : "");
}

/* A pool in MiB, or in bytes. */
static void pool_element(FILE *out, unsigned int depth, const char *name,
			 const struct pool *pool, bool known, bool silent, bool mib)
{
	const char *unit = mib ? " MiB" : " B";

	begin(out, depth, name);
	number_element(out, depth + 1, "total", mib ? in_mib(pool->total) : pool->total, unit,
		       known && pool->total);
	if (mib)
		element(out, depth + 1, "reserved", "N/A");
	number_element(out, depth + 1, "used", mib ? in_mib(pool->used) : pool->used, unit,
		       known && (pool->used || !silent));
	number_element(out, depth + 1, "free", mib ? in_mib(pool->free) : pool->free, unit,
		       known && pool->total && !silent);
	end(out, depth, name);
}

static void power_element(FILE *out, const char *name, const char *limit,
			  const struct card *card)
{
	begin(out, 2, name);
	milli_element(out, 3, "power_draw", card->power / 1000, 2, " W", card->has_power);
	milli_element(out, 3, limit, card->power_limit / 1000, 2, " W",
		      card->has_power_limit);
	end(out, 2, name);
}

static void process_element(FILE *out, const struct process *p)
{
	begin(out, 3, "process_info");
	number_element(out, 4, "pid", p->pid, "", p->pid);
	element(out, 4, "type", "C");
	text_element(out, 4, "process_name", p->command);
	number_element(out, 4, "used_memory", in_mib(p->bytes[TTMEM_DRAM]), " MiB",
		       p->reports);
	number_element(out, 4, "used_dram", p->bytes[TTMEM_DRAM], " B", p->reports);
	number_element(out, 4, "used_l1", p->bytes[TTMEM_L1], " B", p->reports);
	number_element(out, 4, "chip", p->chip, "", p->reports);
	text_element(out, 4, "user", p->user);
	end(out, 3, "process_info");
}

static void card_element(FILE *out, const struct snapshot *snap, const struct card *card)
{
	bool silent = maybe_silent(card);
	size_t i;

	fprintf(out, "  <gpu id=\"%s\">\n", card->id.address);
	text_element(out, 2, "product_name", card->board);
	text_element(out, 2, "serial", card->serial);
	text_element(out, 2, "uuid", card->asic);
	number_element(out, 2, "minor_number", card->id.number, "", true);
	text_element(out, 2, "vbios_version", card->firmware);
	begin(out, 2, "pci");
	text_element(out, 3, "pci_bus_id", card->id.address);
	end(out, 2, "pci");
	element(out, 2, "fan_speed", "N/A");
	element(out, 2, "performance_state", "N/A");
	pool_element(out, 2, "fb_memory_usage", &card->sum.pool[TTMEM_DRAM], card->chips,
		     silent, true);
	element(out, 2, "compute_mode", "N/A");
	begin(out, 2, "utilization");
	element(out, 3, "gpu_util", "N/A");
	element(out, 3, "memory_util", "N/A");
	end(out, 2, "utilization");
	begin(out, 2, "temperature");
	milli_element(out, 3, "gpu_temp", card->temperature, 0, " C", card->has_temperature);
	end(out, 2, "temperature");
	/* Its name in nvidia-smi before 535, and after. */
	power_element(out, "power_readings", "power_limit", card);
	power_element(out, "gpu_power_readings", "current_power_limit", card);
	begin(out, 2, "clocks");
	number_element(out, 3, "graphics_clock", card->clock, " MHz", card->has_clock);
	number_element(out, 3, "sm_clock", card->clock, " MHz", card->has_clock);
	element(out, 3, "mem_clock", "N/A");
	end(out, 2, "clocks");
	if (snap->processes_known) {
		begin(out, 2, "processes");
		for (i = 0; i < snap->processes; i++)
			if (snap->process[i].card == card->id.number)
				process_element(out, &snap->process[i]);
		end(out, 2, "processes");
	} else {
		element(out, 2, "processes", "N/A");
	}
	number_element(out, 2, "silent_processes", card->silent.processes, "",
		       card->silent.known);
	for (i = 0; i < card->chips; i++) {
		fprintf(out, "    <chip id=\"%zu\">\n", i);
		pool_element(out, 3, "dram", &card->chip[i].pool[TTMEM_DRAM], true, silent,
			     false);
		pool_element(out, 3, "l1", &card->chip[i].pool[TTMEM_L1], true, silent, false);
		end(out, 2, "chip");
	}
	end(out, 1, "gpu");
}

void print_xml(FILE *out, const struct snapshot *snap)
{
	char when[64];
	struct tm tm;
	size_t i;

	localtime_r(&snap->time.tv_sec, &tm);
	strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<nvidia_smi_log>\n", out);
	text_element(out, 1, "timestamp", when);
	text_element(out, 1, "driver_version", snap->tt_kmd);
	text_element(out, 1, "ttmem_version", snap->ttmem);
	number_element(out, 1, "attached_gpus", snap->cards, "", true);
	for (i = 0; i < snap->cards; i++)
		card_element(out, snap, &snap->card[i]);
	fputs("</nvidia_smi_log>\n", out);
}
