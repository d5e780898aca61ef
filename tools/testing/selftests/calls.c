// SPDX-License-Identifier: GPL-2.0-only
/* Calls that tests make fail; calls.h tells what they work with. */
#include <sys/mman.h>

#include "calls.h"

#define CARD	0

struct subject subject = { .client = -1, .opened = -1 };

int call_open(void)
{
	subject.opened = st_try_open(CARD);
	return subject.opened < 0 ? subject.opened : 0;
}

int call_info(void)
{
	struct ttmem_info info;

	return st_info(subject.client, &info);
}

int call_reserve_labelled(void)
{
	struct ttmem_reserve reserve = { .size = MIB, .label = "a label" };

	return st_call(subject.client, TTMEM_IOC_RESERVE, &reserve);
}

int call_free(void)
{
	return st_free(subject.client, subject.handle);
}

int call_free_all(void)
{
	return st_free_all(subject.client);
}

int call_set(void)
{
	return st_set(subject.client, 0, TTMEM_L1, TTMEM_TAG_CB, MIB);
}

int call_list(void)
{
	static struct ttmem_reservation entries[16];
	struct ttmem_reservations list = {
		.entries = (uintptr_t)entries,
		.count = ARRAY_SIZE(entries),
		.entry_size = sizeof(entries[0]),
	};

	return st_call(subject.client, TTMEM_IOC_RESERVATIONS, &list);
}

int call_attribute(void)
{
	return st_attribute(subject.client, getpid());
}

int call_map(void)
{
	subject.page = st_map(subject.client);
	return subject.page ? 0 : -errno;
}

int call_read(const char *path)
{
	static char text[65536];

	return st_read(path, text, sizeof(text));
}

int call_read_card(void)
{
	return call_read(st_path(CARD, ST_CARD, "dram_used"));
}

int call_read_clients(void)
{
	return call_read(ST_LIST);
}

int call_invalidate(void)
{
	return st_put(CARD, ST_CARD, "invalidate", "1");
}

void subject_clean(void)
{
	if (subject.page)
		munmap(subject.page, sysconf(_SC_PAGESIZE));
	subject.page = NULL;
	close(subject.opened);
	close(subject.client);
}
