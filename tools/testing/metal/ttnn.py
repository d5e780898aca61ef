# SPDX-License-Identifier: GPL-2.0-only
"""A ttnn that is played: the few names a script needs to hold memory of a card.

It opens the card's node and counts in shared memory as tt-metal does; it computes
nothing. TTNN_PLAYER names the player's library, beside this file if not set.
"""

import ctypes
import math
import os

_player = ctypes.CDLL(
    os.environ.get("TTNN_PLAYER", os.path.join(os.path.dirname(__file__), "libplayer.so")),
    use_errno=True)
_player.metal_attach.restype = ctypes.c_void_p
_player.metal_attach.argtypes = (ctypes.c_uint64, ctypes.c_int, ctypes.c_int, ctypes.c_bool)
_player.metal_record.restype = ctypes.c_bool
_player.metal_record.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_player.metal_detach.argtypes = (ctypes.c_void_p,)

DRAM_MEMORY_CONFIG, L1_MEMORY_CONFIG = 0, 1
TILE_LAYOUT, ROW_MAJOR_LAYOUT = "tile", "row_major"
uint8, bfloat16, float32 = 1, 2, 4	# bytes of an element


def _id(number):
    """The chip's unique id: what TT-KMD tells of it, or any."""
    try:
        with open(f"/sys/class/tenstorrent/tenstorrent!{number}/tt_asic_id",
                  encoding="ascii") as file:
            return int(file.read(), 16)
    except (OSError, ValueError):
        return 7000000 + number


class Device:
    def __init__(self, number):
        self._node = os.open(f"/dev/tenstorrent/{number}", os.O_RDWR | os.O_CLOEXEC)
        self._metal = None
        if os.environ.get("TT_METAL_SHM_TRACKING_DISABLED") != "1":
            self._metal = _player.metal_attach(_id(number), 3, number, True)

    def record(self, kind, size):
        if self._metal:
            _player.metal_record(self._metal, kind, size)

    def close(self):
        if self._metal:
            _player.metal_detach(self._metal)
        self._metal = None
        os.close(self._node)


class Tensor:
    def __init__(self, size, device, kind):
        self.size, self.device, self.kind = size, device, kind
        device.record(kind, size)

    def deallocate(self):
        if self.size:
            self.device.record(self.kind, -self.size)
        self.size = 0

    __del__ = deallocate


def open_device(device_id=0, **_):
    return Device(device_id)


def close_device(device):
    device.close()


def zeros(shape, dtype=bfloat16, layout=TILE_LAYOUT, device=None,
          memory_config=DRAM_MEMORY_CONFIG):
    del layout
    return Tensor(math.prod(shape) * dtype, device, memory_config)


ones = empty = zeros


def deallocate(tensor):
    tensor.deallocate()
