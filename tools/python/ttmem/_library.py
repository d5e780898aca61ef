# SPDX-License-Identifier: MIT
"""libttmem as ctypes sees it: its structures and prototypes, nothing else.

The structures are those of uapi/ttmem.h and tools/lib/libttmem.h. A test compares
each field with what a C compiler makes of them.
"""

import ctypes
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_size_t, c_void_p
from ctypes import c_int64, c_uint, c_uint8, c_uint16, c_uint32, c_uint64

OPEN_INHERIT = 1 << 0
OPEN_QUIET = 1 << 1
RESERVE_OVERCOMMIT = 1 << 0
RESERVE_ADDRESS = 1 << 1
SET_RESTART_PEAKS = 1 << 0
IOC_SET = 0xFA83
LABEL_SIZE = 32


class Info(ctypes.Structure):
    _fields_ = [
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("chip", c_uint32),
        ("memory", c_uint32),
        ("abi_version", c_uint32),
        ("card", c_uint32),
        ("chips", c_uint32),
        ("banks", c_uint32),
        ("pci_domain", c_uint32),
        ("pci_bus", c_uint8),
        ("pci_device", c_uint8),
        ("pci_function", c_uint8),
        ("reserved", c_uint8),
        ("vendor_id", c_uint16),
        ("device_id", c_uint16),
        ("subsystem_vendor_id", c_uint16),
        ("subsystem_id", c_uint16),
        ("total", c_uint64),
        ("used", c_uint64),
        ("peak", c_uint64),
        ("client", c_uint64),
        ("board", c_char * 24),
    ]


class Reserve(ctypes.Structure):
    _fields_ = [
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("handle", c_uint64),
        ("chip", c_uint32),
        ("memory", c_uint32),
        ("tag", c_uint32),
        ("reserved", c_uint32),
        ("size", c_uint64),
        ("payload", c_uint64),
        ("address", c_uint64),
        ("cookie", c_uint64),
        ("label", c_char * LABEL_SIZE),
    ]


class Gauge(ctypes.Structure):
    _fields_ = [
        ("chip", c_uint32),
        ("memory", c_uint32),
        ("tag", c_uint32),
        ("reserved", c_uint32),
        ("bytes", c_uint64),
        ("largest_free", c_uint64),
    ]


class Set(ctypes.Structure):
    _fields_ = [
        ("argsz", c_uint32),
        ("flags", c_uint32),
        ("gauges", c_uint64),
        ("count", c_uint32),
        ("entry_size", c_uint32),
    ]


class Reservation(ctypes.Structure):
    _fields_ = [
        ("handle", c_uint64),
        ("chip", c_uint32),
        ("memory", c_uint32),
        ("tag", c_uint32),
        ("flags", c_uint32),
        ("size", c_uint64),
        ("payload", c_uint64),
        ("address", c_uint64),
        ("cookie", c_uint64),
        ("label", c_char * LABEL_SIZE),
    ]


class Client(ctypes.Structure):
    _fields_ = [
        ("client", c_uint64),
        ("card", c_uint32),
        ("pid", c_int32),
        ("uid", c_uint32),
        ("chip", c_uint32),
        ("memory", c_uint32),
        ("tag", c_uint32),
        ("source", c_uint32),
        ("reserved", c_uint32),
        ("bytes", c_uint64),
        ("peak", c_uint64),
        ("reservations", c_uint64),
        ("command", c_char_p),
    ]


class CardId(ctypes.Structure):
    _fields_ = [
        ("number", c_uint32),
        ("chips", c_uint32),
        ("pci_domain", c_uint32),
        ("pci_bus", c_uint8),
        ("pci_device", c_uint8),
        ("pci_function", c_uint8),
        ("reserved", c_uint8),
        ("address", c_char * 24),
    ]


def _load() -> ctypes.CDLL:
    name = os.environ.get("TTMEM_LIBRARY", "libttmem.so.0")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise ImportError(
            f"libttmem, which this package calls, cannot be loaded ({error}). Install it "
            "(in ttmem's source: sudo make tools-install), or name the file in TTMEM_LIBRARY"
        ) from error

    u64_out = POINTER(c_uint64)
    card_out = POINTER(c_void_p)
    list_out = POINTER(c_void_p)
    for function, arguments in {
        "ttmem_open": [c_uint, c_uint, card_out],
        "ttmem_open_pci": [c_char_p, c_uint, card_out],
        "ttmem_open_fd": [c_int, c_uint, card_out],
        "ttmem_close": [c_void_p],
        "ttmem_fd": [c_void_p],
        "ttmem_card_number": [c_void_p],
        "ttmem_info": [c_void_p, POINTER(Info), c_size_t],
        "ttmem_reserve": [c_void_p, POINTER(Reserve), c_size_t],
        "ttmem_free": [c_void_p, c_uint64],
        "ttmem_free_chip": [c_void_p, c_uint, u64_out, u64_out],
        "ttmem_free_all": [c_void_p, u64_out, u64_out],
        "ttmem_set": [c_void_p, POINTER(Gauge), c_size_t, c_size_t],
        "ttmem_restart_peaks": [c_void_p],
        "ttmem_attribute": [c_void_p, c_int],
        "ttmem_reservations": [c_void_p, c_uint64, list_out, POINTER(c_size_t), c_size_t],
        "ttmem_clients": [list_out, POINTER(c_size_t), c_size_t],
        "ttmem_cards": [list_out, POINTER(c_size_t), c_size_t],
        "ttmem_stat": [c_uint, c_char_p, u64_out],
        "ttmem_present": [],
    }.items():
        getattr(library, function).argtypes = arguments
    library.ttmem_counters.argtypes = [c_void_p]
    library.ttmem_counters.restype = c_void_p
    library.ttmem_counter_add.argtypes = [c_void_p, c_uint, c_uint, c_uint, c_int64]
    library.ttmem_counter_add.restype = None
    library.ttmem_list_free.argtypes = [c_void_p]
    library.ttmem_list_free.restype = None
    library.ttmem_version.argtypes = []
    library.ttmem_version.restype = c_char_p
    library.ttmem_strerror.argtypes = [c_int]
    library.ttmem_strerror.restype = c_char_p
    return library


library = _load()
