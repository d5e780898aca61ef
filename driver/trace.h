/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ttmem

#if !defined(TTMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TTMEM_TRACE_H

#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#include "card.h"
#include "client.h"
#include "compat.h"

/* So that programs which read the format find numbers there. */
TRACE_DEFINE_ENUM(TTMEM_DRAM);
TRACE_DEFINE_ENUM(TTMEM_L1);
TRACE_DEFINE_ENUM(TTMEM_TAG_BUFFER);
TRACE_DEFINE_ENUM(TTMEM_TAG_TRACE);
TRACE_DEFINE_ENUM(TTMEM_TAG_SYSTEM);
TRACE_DEFINE_ENUM(TTMEM_TAG_L1_SMALL);
TRACE_DEFINE_ENUM(TTMEM_TAG_CB);

#define ttmem_show_memory(memory)		\
	__print_symbolic(memory,		\
			 { TTMEM_DRAM, "DRAM" },\
			 { TTMEM_L1, "L1" })

#define ttmem_show_tag(tag)				\
	__print_symbolic(tag,				\
			 { TTMEM_TAG_BUFFER, "buffer" },\
			 { TTMEM_TAG_TRACE, "trace" },	\
			 { TTMEM_TAG_SYSTEM, "system" },\
			 { TTMEM_TAG_L1_SMALL, "l1_small" },\
			 { TTMEM_TAG_CB, "cb" })

/*
 * Sizes are bytes; used is the pool's after the event; pid is a thread group
 * in the initial namespace, uid an effective user there.
 */
DECLARE_EVENT_CLASS(ttmem_reservation,
	TP_PROTO(u32 card, u64 client, const struct ttmem_reservation *res, u64 used,
		 pid_t pid, uid_t uid),
	TP_ARGS(card, client, res, used, pid, uid),
	TP_STRUCT__entry(
		__field(u32, card)
		__field(u32, chip)
		__field(u32, memory)
		__field(u32, tag)
		__field(u64, client)
		__field(u64, handle)
		__field(u64, size)
		__field(u64, payload)
		__field(u64, address)
		__field(u64, cookie)
		__field(u64, used)
		__field(u32, flags)
		__field(pid_t, pid)
		__field(uid_t, uid)
		__string(label, (const char *)res->label)
	),
	TP_fast_assign(
		__entry->card = card;
		__entry->chip = res->chip;
		__entry->memory = res->memory;
		__entry->tag = res->tag;
		__entry->client = client;
		__entry->handle = res->handle;
		__entry->size = res->size;
		__entry->payload = res->payload;
		__entry->address = res->address;
		__entry->cookie = res->cookie;
		__entry->used = used;
		__entry->flags = res->flags;
		__entry->pid = pid;
		__entry->uid = uid;
		ttmem_assign_str(label, (const char *)res->label);
	),
	TP_printk("card=%u chip=%u memory=%s tag=%s client=%llu handle=%#llx size=%llu payload=%llu address=%#llx cookie=%#llx used=%llu flags=%#x pid=%d uid=%u label=%s",
		  __entry->card, __entry->chip, ttmem_show_memory(__entry->memory),
		  ttmem_show_tag(__entry->tag), __entry->client, __entry->handle,
		  __entry->size, __entry->payload, __entry->address, __entry->cookie,
		  __entry->used, __entry->flags, __entry->pid, __entry->uid,
		  __get_str(label))
);

DEFINE_EVENT(ttmem_reservation, ttmem_reserve,
	TP_PROTO(u32 card, u64 client, const struct ttmem_reservation *res, u64 used,
		 pid_t pid, uid_t uid),
	TP_ARGS(card, client, res, used, pid, uid)
);

DEFINE_EVENT(ttmem_reservation, ttmem_free,
	TP_PROTO(u32 card, u64 client, const struct ttmem_reservation *res, u64 used,
		 pid_t pid, uid_t uid),
	TP_ARGS(card, client, res, used, pid, uid)
);

TRACE_EVENT(ttmem_set,
	TP_PROTO(u32 card, u64 client, const struct ttmem_gauge *gauge, u64 used,
		 pid_t pid, uid_t uid),
	TP_ARGS(card, client, gauge, used, pid, uid),
	TP_STRUCT__entry(
		__field(u32, card)
		__field(u32, chip)
		__field(u32, memory)
		__field(u32, tag)
		__field(u64, client)
		__field(u64, bytes)
		__field(u64, largest_free)
		__field(u64, used)
		__field(pid_t, pid)
		__field(uid_t, uid)
	),
	TP_fast_assign(
		__entry->card = card;
		__entry->chip = gauge->chip;
		__entry->memory = gauge->memory;
		__entry->tag = gauge->tag;
		__entry->client = client;
		__entry->bytes = gauge->bytes;
		__entry->largest_free = gauge->largest_free;
		__entry->used = used;
		__entry->pid = pid;
		__entry->uid = uid;
	),
	TP_printk("card=%u chip=%u memory=%s tag=%s client=%llu bytes=%llu largest_free=%llu used=%llu pid=%d uid=%u",
		  __entry->card, __entry->chip, ttmem_show_memory(__entry->memory),
		  ttmem_show_tag(__entry->tag), __entry->client, __entry->bytes,
		  __entry->largest_free, __entry->used, __entry->pid, __entry->uid)
);

TRACE_EVENT(ttmem_refuse,
	TP_PROTO(u32 card, u64 client, const struct ttmem_reserve *req, int error,
		 u64 used, u64 total, pid_t pid, uid_t uid),
	TP_ARGS(card, client, req, error, used, total, pid, uid),
	TP_STRUCT__entry(
		__field(u32, card)
		__field(u32, chip)
		__field(u32, memory)
		__field(u32, tag)
		__field(u64, client)
		__field(u64, size)
		__field(u64, used)
		__field(u64, total)
		__field(u32, flags)
		__field(int, error)
		__field(pid_t, pid)
		__field(uid_t, uid)
	),
	TP_fast_assign(
		__entry->card = card;
		__entry->chip = req->chip;
		__entry->memory = req->memory;
		__entry->tag = req->tag;
		__entry->client = client;
		__entry->size = req->size;
		__entry->used = used;
		__entry->total = total;
		__entry->flags = req->flags;
		__entry->error = error;
		__entry->pid = pid;
		__entry->uid = uid;
	),
	TP_printk("card=%u chip=%u memory=%s tag=%s client=%llu size=%llu used=%llu total=%llu flags=%#x error=%d pid=%d uid=%u",
		  __entry->card, __entry->chip, ttmem_show_memory(__entry->memory),
		  ttmem_show_tag(__entry->tag), __entry->client, __entry->size,
		  __entry->used, __entry->total, __entry->flags, __entry->error,
		  __entry->pid, __entry->uid)
);

DECLARE_EVENT_CLASS(ttmem_client,
	TP_PROTO(u32 card, u64 client, pid_t pid, uid_t uid),
	TP_ARGS(card, client, pid, uid),
	TP_STRUCT__entry(
		__field(u32, card)
		__field(u64, client)
		__field(pid_t, pid)
		__field(uid_t, uid)
	),
	TP_fast_assign(
		__entry->card = card;
		__entry->client = client;
		__entry->pid = pid;
		__entry->uid = uid;
	),
	TP_printk("card=%u client=%llu pid=%d uid=%u",
		  __entry->card, __entry->client, __entry->pid, __entry->uid)
);

DEFINE_EVENT(ttmem_client, ttmem_client_begin,
	TP_PROTO(u32 card, u64 client, pid_t pid, uid_t uid),
	TP_ARGS(card, client, pid, uid)
);

DEFINE_EVENT(ttmem_client, ttmem_client_attribute,
	TP_PROTO(u32 card, u64 client, pid_t pid, uid_t uid),
	TP_ARGS(card, client, pid, uid)
);

/*
 * What the client held is told as it was given back; pid, uid and comm are of
 * the process that last used it or that it spoke for, comm as it was called
 * then, or when it ended with the file open; peaks are its own. Times are ns of
 * the boot clock.
 */
TRACE_EVENT(ttmem_client_end,
	TP_PROTO(const struct ttmem_client *client, const struct ttmem_account *view),
	TP_ARGS(client, view),
	TP_STRUCT__entry(
		__field(u32, card)
		__field(u64, client)
		__field(u64, begin)
		__field(u64, end)
		__field(u64, dram)
		__field(u64, l1)
		__field(u64, reservations)
		__field(bool, closed)
		__field(u64, chip0_dram_peak)
		__field(u64, chip0_l1_peak)
		__field(u64, chip1_dram_peak)
		__field(u64, chip1_l1_peak)
		__field(pid_t, pid)
		__field(uid_t, uid)
		__string(comm, client->comm)
	),
	TP_fast_assign(
		BUILD_BUG_ON(TTMEM_CHIPS_MAX != 2);
		__entry->card = client->card->number;
		__entry->client = client->id;
		__entry->begin = client->begin;
		__entry->end = ktime_get_boottime_ns();
		__entry->dram = view->bytes[0][TTMEM_DRAM] + view->bytes[1][TTMEM_DRAM];
		__entry->l1 = view->bytes[0][TTMEM_L1] + view->bytes[1][TTMEM_L1];
		__entry->reservations = ttmem_account_reservations(view);
		__entry->closed = view != &client->account;
		__entry->chip0_dram_peak = client->account.peak[0][TTMEM_DRAM];
		__entry->chip0_l1_peak = client->account.peak[0][TTMEM_L1];
		__entry->chip1_dram_peak = client->account.peak[1][TTMEM_DRAM];
		__entry->chip1_l1_peak = client->account.peak[1][TTMEM_L1];
		__entry->pid = pid_nr(client->pid);
		__entry->uid = __kuid_val(client->uid);
		ttmem_assign_str(comm, client->comm);
	),
	TP_printk("card=%u client=%llu begin=%llu end=%llu dram=%llu l1=%llu reservations=%llu closed=%d chip0_dram_peak=%llu chip0_l1_peak=%llu chip1_dram_peak=%llu chip1_l1_peak=%llu pid=%d uid=%u comm=%s",
		  __entry->card, __entry->client, __entry->begin, __entry->end,
		  __entry->dram, __entry->l1, __entry->reservations, __entry->closed,
		  __entry->chip0_dram_peak, __entry->chip0_l1_peak,
		  __entry->chip1_dram_peak, __entry->chip1_l1_peak,
		  __entry->pid, __entry->uid, __get_str(comm))
);

#endif /* TTMEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
