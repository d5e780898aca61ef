/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of the uapi, every field in its place: FIELD(struct, field, offset,
 * size), STRUCT(struct, size, alignment) after its fields, and CALL(name, number). One
 * list for KUnit, and for the compiler alone, which checks it for 64-bit and for
 * 32-bit programs.
 */

/* No include guard: each user defines what it needs of the three. */
#ifndef FIELD
#define FIELD(type, field, offset, size)
#endif
#ifndef STRUCT
#define STRUCT(type, size, alignment)
#endif
#ifndef CALL
#define CALL(name, number)
#endif

FIELD(ttmem_info, argsz, 0, 4)
FIELD(ttmem_info, flags, 4, 4)
FIELD(ttmem_info, chip, 8, 4)
FIELD(ttmem_info, memory, 12, 4)
FIELD(ttmem_info, abi_version, 16, 4)
FIELD(ttmem_info, card, 20, 4)
FIELD(ttmem_info, chips, 24, 4)
FIELD(ttmem_info, banks, 28, 4)
FIELD(ttmem_info, pci_domain, 32, 4)
FIELD(ttmem_info, pci_bus, 36, 1)
FIELD(ttmem_info, pci_device, 37, 1)
FIELD(ttmem_info, pci_function, 38, 1)
FIELD(ttmem_info, reserved, 39, 1)
FIELD(ttmem_info, vendor_id, 40, 2)
FIELD(ttmem_info, device_id, 42, 2)
FIELD(ttmem_info, subsystem_vendor_id, 44, 2)
FIELD(ttmem_info, subsystem_id, 46, 2)
FIELD(ttmem_info, total, 48, 8)
FIELD(ttmem_info, used, 56, 8)
FIELD(ttmem_info, peak, 64, 8)
FIELD(ttmem_info, client, 72, 8)
FIELD(ttmem_info, board, 80, 24)
STRUCT(ttmem_info, 104, 8)

FIELD(ttmem_reserve, argsz, 0, 4)
FIELD(ttmem_reserve, flags, 4, 4)
FIELD(ttmem_reserve, handle, 8, 8)
FIELD(ttmem_reserve, chip, 16, 4)
FIELD(ttmem_reserve, memory, 20, 4)
FIELD(ttmem_reserve, tag, 24, 4)
FIELD(ttmem_reserve, reserved, 28, 4)
FIELD(ttmem_reserve, size, 32, 8)
FIELD(ttmem_reserve, payload, 40, 8)
FIELD(ttmem_reserve, address, 48, 8)
FIELD(ttmem_reserve, cookie, 56, 8)
FIELD(ttmem_reserve, label, 64, 32)
STRUCT(ttmem_reserve, 96, 8)

FIELD(ttmem_free, argsz, 0, 4)
FIELD(ttmem_free, flags, 4, 4)
FIELD(ttmem_free, handle, 8, 8)
FIELD(ttmem_free, chip, 16, 4)
FIELD(ttmem_free, reserved, 20, 4)
FIELD(ttmem_free, bytes, 24, 8)
FIELD(ttmem_free, reservations, 32, 8)
STRUCT(ttmem_free, 40, 8)

FIELD(ttmem_gauge, chip, 0, 4)
FIELD(ttmem_gauge, memory, 4, 4)
FIELD(ttmem_gauge, tag, 8, 4)
FIELD(ttmem_gauge, reserved, 12, 4)
FIELD(ttmem_gauge, bytes, 16, 8)
FIELD(ttmem_gauge, largest_free, 24, 8)
STRUCT(ttmem_gauge, 32, 8)

FIELD(ttmem_set, argsz, 0, 4)
FIELD(ttmem_set, flags, 4, 4)
FIELD(ttmem_set, gauges, 8, 8)
FIELD(ttmem_set, count, 16, 4)
FIELD(ttmem_set, entry_size, 20, 4)
STRUCT(ttmem_set, 24, 8)

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
STRUCT(ttmem_reservation, 88, 8)

FIELD(ttmem_reservations, argsz, 0, 4)
FIELD(ttmem_reservations, flags, 4, 4)
FIELD(ttmem_reservations, client, 8, 8)
FIELD(ttmem_reservations, start, 16, 8)
FIELD(ttmem_reservations, entries, 24, 8)
FIELD(ttmem_reservations, count, 32, 4)
FIELD(ttmem_reservations, entry_size, 36, 4)
FIELD(ttmem_reservations, next, 40, 8)
FIELD(ttmem_reservations, total, 48, 8)
STRUCT(ttmem_reservations, 56, 8)

FIELD(ttmem_attribute, argsz, 0, 4)
FIELD(ttmem_attribute, flags, 4, 4)
FIELD(ttmem_attribute, pid, 8, 4)
FIELD(ttmem_attribute, reserved, 12, 4)
STRUCT(ttmem_attribute, 16, 4)

CALL(TTMEM_IOC_INFO, 0xfa80)
CALL(TTMEM_IOC_RESERVE, 0xfa81)
CALL(TTMEM_IOC_FREE, 0xfa82)
CALL(TTMEM_IOC_SET, 0xfa83)
CALL(TTMEM_IOC_RESERVATIONS, 0xfa84)
CALL(TTMEM_IOC_ATTRIBUTE, 0xfa85)

#undef FIELD
#undef STRUCT
#undef CALL
