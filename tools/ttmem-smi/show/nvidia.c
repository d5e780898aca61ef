// SPDX-License-Identifier: GPL-2.0-only
/* Sections of nvidia-smi's -q that ttmem-smi has nothing for. */
#include <string.h>

#include "internal.h"
#include "show/nvidia.h"

const struct section sections[] = {
	{ "UTILIZATION", "Utilization\n\tGPU:\n\tMemory:\n\tEncoder:\n"
			 "\tDecoder:\n\tJPEG:\n\tOFA:" },
	{ "ECC", "ECC Mode\n\tCurrent:\n\tPending:\nECC Errors\n"
		 "\tVolatile\n\t\tSRAM Correctable:\n\t\tSRAM Uncorrectable:\n"
		 "\t\tDRAM Correctable:\n\t\tDRAM Uncorrectable:\n"
		 "\tAggregate\n\t\tSRAM Correctable:\n\t\tSRAM Uncorrectable:\n"
		 "\t\tDRAM Correctable:\n\t\tDRAM Uncorrectable:" },
	{ "COMPUTE", "Compute Mode:" },
	{ "PERFORMANCE", "Performance State:\nClocks Event Reasons:" },
	{ "SUPPORTED_CLOCKS", "Supported Clocks:" },
	{ "PAGE_RETIREMENT", "Retired Pages\n\tSingle Bit ECC:\n\tDouble Bit ECC:\n"
			     "\tPending Page Blacklist:" },
	{ "ENCODER_STATS", "Encoder Stats\n\tActive Sessions:\n\tAverage FPS:\n"
			   "\tAverage Latency:" },
	{ "SUPPORTED_GPU_TARGET_TEMP", "Supported GPU Target Temp\n\tGPU Target Temp Min:\n"
				       "\tGPU Target Temp Max:" },
	{ "VOLTAGE", "Voltage\n\tGraphics:" },
	{ "FBC_STATS", "FBC Stats\n\tActive Sessions:\n\tAverage FPS:\n\tAverage Latency:" },
	{ "ROW_REMAPPER", "Remapped Rows:" },
	{ "RESET_STATUS", "GPU Reset Status\n\tReset Required:\n\tDrain and Reset Recommended:" },
	{ "GSP_FIRMWARE_VERSION", "GSP Firmware Version:" },
	{ "POWER_SMOOTHING", "Power Smoothing:" },
	{ "POWER_PROFILES", "Workload Power Profiles\n\tRequested Profiles:\n"
			    "\tEnforced Profiles:" },
	{ }
};

int find_section(const char *word, size_t len)
{
	size_t i;

	for (i = 0; sections[i].word; i++)
		if (strlen(sections[i].word) == len && ttmem__same(word, sections[i].word, len))
			return i;
	return -1;
}

void print_section(FILE *out, const struct section *section,
		   void (*print)(FILE *out, unsigned int depth, const char *name, bool value))
{
	const char *line = section->lines;

	while (*line) {
		size_t depth = strspn(line, "\t"), len;
		char name[64];
		bool value;

		line += depth;
		len = strcspn(line, "\n");
		value = line[len - 1] == ':';
		snprintf(name, sizeof(name), "%.*s", (int)(len - value), line);
		print(out, 1 + depth, name, value);
		line += len + (line[len] == '\n');
	}
}
