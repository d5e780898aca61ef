#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold 200 MiB of card 0's DRAM until killed."""

import signal

import ttmem

with ttmem.open(0) as card:
    kv = card.reserve("DRAM", 200 << 20, tag="buffer", label="kv")
    print(kv, flush=True)
    signal.pause()
