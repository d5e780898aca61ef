/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of the uapi, every field in its place: FIELD(struct, field, offset,
 * size), STRUCT(struct, size) after its fields, and CALL(name, number). One list for
 * KUnit, and for the compiler alone, which checks it for 64-bit and for 32-bit
 * programs.
 */

/* No include guard: each user defines what it needs of the three. */
#ifndef FIELD
#define FIELD(type, field, offset, size)
#endif
#ifndef STRUCT
#define STRUCT(type, size)
#endif
#ifndef CALL
#define CALL(name, number)
#endif

FIELD(ttmem_info, chip, 0, 4)
FIELD(ttmem_info, memory, 4, 4)
FIELD(ttmem_info, flags, 8, 4)
FIELD(ttmem_info, abi_version, 12, 4)
FIELD(ttmem_info, features, 16, 8)
FIELD(ttmem_info, card, 24, 4)
FIELD(ttmem_info, chips, 28, 4)
FIELD(ttmem_info, pci_domain, 32, 4)
FIELD(ttmem_info, pci_bus, 36, 1)
FIELD(ttmem_info, pci_device, 37, 1)
FIELD(ttmem_info, pci_function, 38, 1)
FIELD(ttmem_info, reserved0, 39, 1)
FIELD(ttmem_info, vendor_id, 40, 2)
FIELD(ttmem_info, device_id, 42, 2)
FIELD(ttmem_info, subsystem_vendor_id, 44, 2)
FIELD(ttmem_info, subsystem_id, 46, 2)
FIELD(ttmem_info, total, 48, 8)
FIELD(ttmem_info, used, 56, 8)
FIELD(ttmem_info, peak, 64, 8)
FIELD(ttmem_info, banks, 72, 4)
FIELD(ttmem_info, reserved1, 76, 4)
FIELD(ttmem_info, board, 80, 24)
STRUCT(ttmem_info, 104)

FIELD(ttmem_reserve, chip, 0, 4)
FIELD(ttmem_reserve, memory, 4, 4)
FIELD(ttmem_reserve, tag, 8, 4)
FIELD(ttmem_reserve, flags, 12, 4)
FIELD(ttmem_reserve, size, 16, 8)
FIELD(ttmem_reserve, payload, 24, 8)
FIELD(ttmem_reserve, address, 32, 8)
FIELD(ttmem_reserve, cookie, 40, 8)
FIELD(ttmem_reserve, handle, 48, 8)
FIELD(ttmem_reserve, label, 56, 32)
STRUCT(ttmem_reserve, 88)

FIELD(ttmem_free, handle, 0, 8)
FIELD(ttmem_free, chip, 8, 4)
FIELD(ttmem_free, flags, 12, 4)
FIELD(ttmem_free, bytes, 16, 8)
FIELD(ttmem_free, reservations, 24, 8)
STRUCT(ttmem_free, 32)

FIELD(ttmem_gauge, chip, 0, 4)
FIELD(ttmem_gauge, memory, 4, 4)
FIELD(ttmem_gauge, tag, 8, 4)
FIELD(ttmem_gauge, reserved, 12, 4)
FIELD(ttmem_gauge, bytes, 16, 8)
FIELD(ttmem_gauge, largest_free, 24, 8)
STRUCT(ttmem_gauge, 32)

FIELD(ttmem_set, gauges, 0, 8)
FIELD(ttmem_set, count, 8, 4)
FIELD(ttmem_set, entry_size, 12, 4)
FIELD(ttmem_set, flags, 16, 4)
FIELD(ttmem_set, reserved, 20, 4)
STRUCT(ttmem_set, 24)

FIELD(ttmem_reservation, handle, 0, 8)
FIELD(ttmem_reservation, chip, 8, 4)
FIELD(ttmem_reservation, memory, 12, 4)
FIELD(ttmem_reservation, tag, 16, 4)
FIELD(ttmem_reservation, flags, 20, 4)
FIELD(ttmem_reservation, size, 24, 8)
FIELD(ttmem_reservation, payload, 32, 8)
FIELD(ttmem_reservation, address, 40, 8)
FIELD(ttmem_reservation, cookie, 48, 8)
FIELD(ttmem_reservation, label, 56, 32)
STRUCT(ttmem_reservation, 88)

FIELD(ttmem_reservations, client, 0, 8)
FIELD(ttmem_reservations, start, 8, 8)
FIELD(ttmem_reservations, entries, 16, 8)
FIELD(ttmem_reservations, count, 24, 4)
FIELD(ttmem_reservations, entry_size, 28, 4)
FIELD(ttmem_reservations, flags, 32, 4)
FIELD(ttmem_reservations, reserved, 36, 4)
FIELD(ttmem_reservations, next, 40, 8)
FIELD(ttmem_reservations, total, 48, 8)
STRUCT(ttmem_reservations, 56)

CALL(TTMEM_IOC_INFO, 0xc068fa80)
CALL(TTMEM_IOC_RESERVE, 0xc058fa81)
CALL(TTMEM_IOC_FREE, 0xc020fa82)
CALL(TTMEM_IOC_SET, 0xc018fa83)
CALL(TTMEM_IOC_RESERVATIONS, 0xc038fa84)

#undef FIELD
#undef STRUCT
#undef CALL
