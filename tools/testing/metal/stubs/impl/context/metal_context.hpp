/* SPDX-License-Identifier: GPL-2.0-only */
/* In the place of tt-metal's: its tracker includes it and uses nothing of it. */
#pragma once
