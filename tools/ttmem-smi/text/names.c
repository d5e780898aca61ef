// SPDX-License-Identifier: GPL-2.0-only
/* How memories and tags are called. */
#include "text/text.h"

const char * const memory_names[2] = {
	[TTMEM_DRAM] = "DRAM",
	[TTMEM_L1] = "L1",
};

const char * const tag_names[TAGS] = {
	[TTMEM_TAG_BUFFER] = "buffer",
	[TTMEM_TAG_TRACE] = "trace",
	[TTMEM_TAG_SYSTEM] = "system",
	[TTMEM_TAG_L1_SMALL] = "l1_small",
	[TTMEM_TAG_CB] = "cb",
};

bool memory_has_tag(unsigned int memory, unsigned int tag)
{
	switch (tag) {
	case TTMEM_TAG_TRACE:
		return memory == TTMEM_DRAM;
	case TTMEM_TAG_L1_SMALL:
	case TTMEM_TAG_CB:
		return memory == TTMEM_L1;
	default:
		return true;
	}
}
