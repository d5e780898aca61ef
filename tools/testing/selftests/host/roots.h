/* SPDX-License-Identifier: GPL-2.0-only */
/* Included before anything else: the kernel is looked for where we stand. */
#define TTMEM_SYSFS	"sys"
#define TTMEM_PROC	"proc"
#define TTMEM_DEV	"dev"
#define TTMEM_RUN	"run"
#define TTMEM_ROOT	"root"
#define TTMEM_LOG	"log"
#define TTMEM_SUBUID	"subuid"
/* A test of ttmem-exporter waits for that. */
#define REQUEST_SECONDS	2
