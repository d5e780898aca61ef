/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ttmem: what processes hold in the memory of Tenstorrent cards
 *
 * The contract of the node /dev/tenstorrent/mem/N. Each call, its fields and
 * its errors are explained in Documentation/userspace-api/ttmem.rst.
 *
 * Each structure begins with argsz and flags. Set argsz to the structure's size
 * before every call: the kernel writes back the size that it would fill, which
 * tells a program newer than the module which fields at the end were filled.
 * Structures may grow at their end. What an older program does not have counts
 * as 0; what the module does not know is E2BIG unless it is 0. So clear a
 * structure before filling it in. Sizes are bytes throughout.
 */
#ifndef _UAPI_TTMEM_H
#define _UAPI_TTMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The version that INFO reports; it rises when something is added. */
#define TTMEM_ABI_VERSION	1

/* The two memories of a chip. */
enum ttmem_memory {
	TTMEM_DRAM		= 0,
	TTMEM_L1		= 1,
};

/*
 * What bytes are for. DRAM knows BUFFER, TRACE and SYSTEM; L1 knows BUFFER,
 * SYSTEM, L1_SMALL and CB. Any other pair is EINVAL.
 */
enum ttmem_tag {
	TTMEM_TAG_BUFFER	= 0,
	TTMEM_TAG_TRACE		= 1,
	TTMEM_TAG_SYSTEM	= 2,	/* firmware, kernel ring, carve-outs */
	TTMEM_TAG_L1_SMALL	= 3,
	TTMEM_TAG_CB		= 4,	/* circular buffers */
};

/* The most bytes that a client may hold of one pool: 1 TiB. */
#define TTMEM_CLIENT_BYTES_MAX	(1ULL << 40)

/* A label with its terminating NUL. */
#define TTMEM_LABEL_SIZE	32

/* A board's name with its terminating NUL. */
#define TTMEM_BOARD_SIZE	24

/**
 * struct ttmem_info - the argument of TTMEM_IOC_INFO
 * @argsz: in: sizeof(struct ttmem_info), out: the size that the kernel fills
 * @flags: in: 0
 * @chip: in: the chip whose pool is asked for, below @chips
 * @memory: in: the memory of that chip, enum ttmem_memory
 * @abi_version: out: TTMEM_ABI_VERSION of the module
 * @card: out: N of tenstorrent!N
 * @chips: out: how many chips are reached through this card
 * @banks: out: equal parts that the pool has, 0 if not known
 * @pci_domain: out: PCI address of the card
 * @pci_bus: out: likewise
 * @pci_device: out: likewise
 * @pci_function: out: likewise
 * @reserved: out: 0
 * @vendor_id: out: PCI ids of the card
 * @device_id: out: likewise
 * @subsystem_vendor_id: out: likewise
 * @subsystem_id: out: likewise
 * @total: out: capacity of the pool, 0 if not known
 * @used: out: bytes charged to the pool now
 * @peak: out: highest @used since load or since root restarted it
 * @client: out: this client's id in /proc/driver/ttmem/clients
 * @board: out: the board's name, empty if not known
 */
struct ttmem_info {
	__u32 argsz;
	__u32 flags;
	__u32 chip;
	__u32 memory;
	__u32 abi_version;
	__u32 card;
	__u32 chips;
	__u32 banks;
	__u32 pci_domain;
	__u8 pci_bus;
	__u8 pci_device;
	__u8 pci_function;
	__u8 reserved;
	__u16 vendor_id;
	__u16 device_id;
	__u16 subsystem_vendor_id;
	__u16 subsystem_id;
	__aligned_u64 total;
	__aligned_u64 used;
	__aligned_u64 peak;
	__aligned_u64 client;
	__u8 board[TTMEM_BOARD_SIZE];
};

/* Record the reservation also where it goes past the pool's capacity. */
#define TTMEM_RESERVE_OVERCOMMIT	(1u << 0)
/* The address field is told; without this flag it must be 0. */
#define TTMEM_RESERVE_ADDRESS		(1u << 1)

/**
 * struct ttmem_reserve - the argument of TTMEM_IOC_RESERVE
 * @argsz: in: sizeof(struct ttmem_reserve), out: the size that the kernel knows
 * @flags: in: TTMEM_RESERVE_*
 * @handle: out: names the reservation; never 0, never given twice by a file
 * @chip: in: the chip, below the card's chips
 * @memory: in: enum ttmem_memory
 * @tag: in: enum ttmem_tag
 * @reserved: in: 0
 * @size: in: bytes taken, all banks together; not 0
 * @payload: in: bytes that were asked for, at most @size; 0 if not told
 * @address: in: bank-local address, with TTMEM_RESERVE_ADDRESS
 * @cookie: in: the runtime's own id, not looked at
 * @label: in: printable ASCII, at most 31 bytes and a NUL; may be empty
 */
struct ttmem_reserve {
	__u32 argsz;
	__u32 flags;
	__aligned_u64 handle;
	__u32 chip;
	__u32 memory;
	__u32 tag;
	__u32 reserved;
	__aligned_u64 size;
	__aligned_u64 payload;
	__aligned_u64 address;
	__aligned_u64 cookie;
	__u8 label[TTMEM_LABEL_SIZE];
};

/* Free all that this client holds on the chip, its gauges too. */
#define TTMEM_FREE_CHIP			(1u << 0)
/* Free all that this client holds on the card, its gauges too. */
#define TTMEM_FREE_ALL			(1u << 1)

/**
 * struct ttmem_free - the argument of TTMEM_IOC_FREE
 * @argsz: in: sizeof(struct ttmem_free), out: the size that the kernel fills
 * @flags: in: 0, TTMEM_FREE_CHIP or TTMEM_FREE_ALL
 * @handle: in: the reservation; 0 with a flag
 * @chip: in: the chip with TTMEM_FREE_CHIP, else 0
 * @reserved: in: 0
 * @bytes: out, with a flag: bytes given back, gauges included
 * @reservations: out, with a flag: reservations given back
 *
 * Counters are not touched: their owner sets them to 0.
 */
struct ttmem_free {
	__u32 argsz;
	__u32 flags;
	__aligned_u64 handle;
	__u32 chip;
	__u32 reserved;
	__aligned_u64 bytes;
	__aligned_u64 reservations;
};

/**
 * struct ttmem_gauge - an entry of TTMEM_IOC_SET
 * @chip: the chip, below the card's chips
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag
 * @reserved: 0
 * @bytes: the gauge's new value, all banks together; 0 takes it away
 * @largest_free: largest free range of one bank, 0 if not told; kept for
 *	fdinfo, not counted
 */
struct ttmem_gauge {
	__u32 chip;
	__u32 memory;
	__u32 tag;
	__u32 reserved;
	__aligned_u64 bytes;
	__aligned_u64 largest_free;
};

/* The most entries that one TTMEM_IOC_SET takes. */
#define TTMEM_SET_MAX			256

/* Let this client's own peaks start again at what it holds after the call. */
#define TTMEM_SET_RESTART_PEAKS		(1u << 0)

/**
 * struct ttmem_set - the argument of TTMEM_IOC_SET
 * @argsz: in: sizeof(struct ttmem_set), out: the size that the kernel knows
 * @flags: in: TTMEM_SET_*
 * @gauges: in: address of the first struct ttmem_gauge
 * @count: in: entries, 1 to TTMEM_SET_MAX, with TTMEM_SET_RESTART_PEAKS also 0;
 *	of two for one gauge the later counts
 * @entry_size: in: sizeof(struct ttmem_gauge)
 */
struct ttmem_set {
	__u32 argsz;
	__u32 flags;
	__aligned_u64 gauges;
	__u32 count;
	__u32 entry_size;
};

/**
 * struct ttmem_reservation - an entry of TTMEM_IOC_RESERVATIONS
 * @handle: as RESERVE gave it
 * @chip: as RESERVE took it, and so all that follows
 * @memory: enum ttmem_memory
 * @tag: enum ttmem_tag
 * @flags: TTMEM_RESERVE_*
 * @size: bytes taken, all banks together
 * @payload: bytes that were asked for, 0 if not told
 * @address: bank-local address, if @flags has TTMEM_RESERVE_ADDRESS
 * @cookie: the runtime's own id
 * @label: NUL-terminated
 */
struct ttmem_reservation {
	__aligned_u64 handle;
	__u32 chip;
	__u32 memory;
	__u32 tag;
	__u32 flags;
	__aligned_u64 size;
	__aligned_u64 payload;
	__aligned_u64 address;
	__aligned_u64 cookie;
	__u8 label[TTMEM_LABEL_SIZE];
};

/**
 * struct ttmem_reservations - the argument of TTMEM_IOC_RESERVATIONS
 * @argsz: in: sizeof(struct ttmem_reservations), out: the size that the kernel
 *	fills
 * @flags: in: 0
 * @client: in: 0 for the caller's own file, else an id of
 *	/proc/driver/ttmem/clients
 * @start: in: 0 for the first page, else @next of the page before
 * @entries: in: address of the first struct ttmem_reservation to fill
 * @count: in: entries there is room for, out: entries filled. A page may be
 *	shorter than the room; only @next tells that the list is over
 * @entry_size: in: sizeof(struct ttmem_reservation)
 * @next: out: the next page's @start, 0 if nothing follows
 * @total: out: reservations that the client holds now
 */
struct ttmem_reservations {
	__u32 argsz;
	__u32 flags;
	__aligned_u64 client;
	__aligned_u64 start;
	__aligned_u64 entries;
	__u32 count;
	__u32 entry_size;
	__aligned_u64 next;
	__aligned_u64 total;
};

/**
 * struct ttmem_attribute - the argument of TTMEM_IOC_ATTRIBUTE
 * @argsz: in: sizeof(struct ttmem_attribute), out: the size that the kernel
 *	knows
 * @flags: in: 0
 * @pid: in: the process that this client speaks for from now on: its number in
 *	the caller's pid namespace
 * @reserved: in: 0
 */
struct ttmem_attribute {
	__u32 argsz;
	__u32 flags;
	__s32 pid;
	__u32 reserved;
};

/*
 * The counter page: map one page of the node at offset 0, shared, of a file
 * that is open for reading and writing. It is an array of signed 64-bit counters
 * of bytes; that of a chip, memory and tag stands at this index. Change them by
 * atomic or plain stores: the kernel reads them when somebody asks for a sum,
 * takes what is below 0 for 0, and never writes. Cells of pairs of memory and
 * tag that do not exist, and of chips that are not there, are not read.
 */
#define TTMEM_COUNTER_INDEX(chip, memory, tag)	((chip) * 16 + (memory) * 8 + (tag))

/* TT-KMD has the same magic and numbers below 0x80. */
#define TTMEM_IOC_MAGIC		0xFA
#define TTMEM_IOC_INFO		_IO(TTMEM_IOC_MAGIC, 0x80)
#define TTMEM_IOC_RESERVE	_IO(TTMEM_IOC_MAGIC, 0x81)
#define TTMEM_IOC_FREE		_IO(TTMEM_IOC_MAGIC, 0x82)
#define TTMEM_IOC_SET		_IO(TTMEM_IOC_MAGIC, 0x83)
#define TTMEM_IOC_RESERVATIONS	_IO(TTMEM_IOC_MAGIC, 0x84)
#define TTMEM_IOC_ATTRIBUTE	_IO(TTMEM_IOC_MAGIC, 0x85)

#endif /* _UAPI_TTMEM_H */
