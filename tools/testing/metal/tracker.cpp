// SPDX-License-Identifier: GPL-2.0-only
/*
 * tt-metal's own tracker in the place of the player, and for bench. It is compiled by
 * hand, outside this tree, into one shared object with tt-metal's memory_stats_shm.cpp,
 * neither of which is here. That it compiles says that our table of offsets is right.
 */
#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <type_traits>
#include <unistd.h>

#include "impl/memory_tracking/memory_stats_shm.hpp"

extern "C" {
#include "player.h"
}

using namespace tt::tt_metal;
using Region = DeviceMemoryRegion;
using Chip = Region::ChipStats;
using Entry = Region::ProcessStats;
using Provider = SharedMemoryStatsProvider;

#pragma GCC diagnostic ignored "-Winvalid-offsetof"
static_assert(sizeof(Region) == LAYOUT_SIZE);
static_assert(DEVICE_MEMORY_REGION_VERSION >= LAYOUT_FIRST &&
	      DEVICE_MEMORY_REGION_VERSION <= LAYOUT_LAST);
static_assert(offsetof(Region, version) == LAYOUT_VERSION);
static_assert(offsetof(Region, num_active_processes) == LAYOUT_ACTIVE);
static_assert(offsetof(Region, last_update_timestamp) == LAYOUT_STAMP);
static_assert(offsetof(Region, reference_count) == LAYOUT_REFERENCES);
static_assert(offsetof(Region, asic_id) == LAYOUT_ASIC_ID);
static_assert(offsetof(Region, device_id) == LAYOUT_DEVICE_ID);
static_assert(offsetof(Region, total_dram_allocated) == LAYOUT_TOTALS + 8 * LAYOUT_DRAM);
static_assert(offsetof(Region, total_l1_allocated) == LAYOUT_TOTALS + 8 * LAYOUT_L1);
static_assert(offsetof(Region, total_l1_small_allocated) == LAYOUT_TOTALS + 8 * LAYOUT_L1_SMALL);
static_assert(offsetof(Region, total_trace_allocated) == LAYOUT_TOTALS + 8 * LAYOUT_TRACE);
static_assert(offsetof(Region, total_cb_allocated) == LAYOUT_TOTALS + 8 * LAYOUT_CB);
static_assert(offsetof(Region, chip_stats) == LAYOUT_CHIPS);
static_assert(sizeof(Chip) == LAYOUT_CHIP_SIZE && MAX_CHIPS_PER_DEVICE == LAYOUT_CHIP_COUNT);
static_assert(offsetof(Chip, dram_allocated) == LAYOUT_CHIP_BYTES);
static_assert(offsetof(Region, processes) == LAYOUT_ENTRIES);
static_assert(sizeof(Entry) == LAYOUT_ENTRY_SIZE && MAX_PROCESSES == LAYOUT_ENTRY_COUNT);
static_assert(offsetof(Entry, pid) == LAYOUT_ENTRY_PID);
static_assert(offsetof(Entry, dram_allocated) == LAYOUT_ENTRY_BYTES + 8 * LAYOUT_DRAM);
static_assert(offsetof(Entry, l1_allocated) == LAYOUT_ENTRY_BYTES + 8 * LAYOUT_L1);
static_assert(offsetof(Entry, l1_small_allocated) == LAYOUT_ENTRY_BYTES + 8 * LAYOUT_L1_SMALL);
static_assert(offsetof(Entry, trace_allocated) == LAYOUT_ENTRY_BYTES + 8 * LAYOUT_TRACE);
static_assert(offsetof(Entry, cb_allocated) == LAYOUT_ENTRY_BYTES + 8 * LAYOUT_CB);
static_assert(offsetof(Entry, last_update_timestamp) == LAYOUT_ENTRY_STAMP);
static_assert(offsetof(Entry, process_name) == LAYOUT_ENTRY_NAME);

/* From layout 4 on there is one more field. */
template <typename R> constexpr auto ready_at(int) -> decltype(&R::init_state, size_t())
{
	return offsetof(R, init_state);
}

template <typename R> constexpr size_t ready_at(...)
{
	return LAYOUT_READY;
}

static_assert(ready_at<Region>(0) == LAYOUT_READY);

/* Older releases read the environment by themselves. */
template <typename P> static P *make(uint64_t id, int device)
{
	if constexpr (std::is_constructible_v<P, uint64_t, int, bool, bool>)
		return new P(id, device, false, false);
	else
		return new P(id, device);
}

struct metal {
	std::unique_ptr<Provider> provider;
	unsigned char *data;
};

void metal_path(uint64_t id, char *path, unsigned int size)
{
	snprintf(path, size, "/dev/shm/tt_device_%llu_memory", (unsigned long long)id);
}

struct metal *metal_attach(uint64_t id, int, int device, bool)
{
	std::unique_ptr<Provider> provider(make<Provider>(id, device));
	char path[64];
	void *data;
	int fd;

	metal_path(id, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || !provider->is_initialized())
		return nullptr;
	data = mmap(nullptr, LAYOUT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return new metal{ std::move(provider), static_cast<unsigned char *>(data) };
}

static bool has_entry(struct metal *m)
{
	const Region *region = reinterpret_cast<Region *>(m->data);

	for (const auto &entry : region->processes)
		if (entry.pid.load() == getpid())
			return true;
	return false;
}

bool metal_record(struct metal *m, int kind, int64_t bytes)
{
	static const ShmBufferType types[] = {
		ShmBufferType::DRAM, ShmBufferType::L1, ShmBufferType::L1_SMALL,
		ShmBufferType::TRACE, ShmBufferType::CB,
	};

	if (bytes < 0)
		m->provider->record_deallocation(getpid(), -bytes, types[kind], 0);
	else
		m->provider->record_allocation(getpid(), bytes, types[kind], 0);
	return has_entry(m);
}

void metal_detach(struct metal *m)
{
	munmap(m->data, LAYOUT_SIZE);
	delete m;
}

unsigned char *metal_data(struct metal *m)
{
	return m->data;
}

/* What tools/testing/bench measures: a buffer made and given back. */
extern "C" void tracker_record(uint32_t chip, uint64_t bytes, int add)
{
	static struct metal *m[32];

	if (!m[chip]) {
		uint64_t id = 0x7700000000000000ull + (uint64_t(getpid()) << 8) + chip;

		m[chip] = metal_attach(id, 0, chip, true);
		/* It is mapped, and nobody else is to find it. */
		shm_unlink(("/tt_device_" + std::to_string(id) + "_memory").c_str());
	}
	if (add)
		m[chip]->provider->record_allocation(getpid(), bytes, ShmBufferType::DRAM, chip);
	else
		m[chip]->provider->record_deallocation(getpid(), bytes, ShmBufferType::DRAM, chip);
}
