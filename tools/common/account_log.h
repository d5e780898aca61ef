/* SPDX-License-Identifier: GPL-2.0-only */
/* The log of ttmem-account, and what it says of itself: who writes and who reads share this. */
#ifndef TTMEM_ACCOUNT_LOG_H
#define TTMEM_ACCOUNT_LOG_H

/* Only a test is compiled with others. */
#ifndef TTMEM_LOG
#define TTMEM_LOG	"/var/log/ttmem"
#endif
#ifndef TTMEM_RUN
#define TTMEM_RUN	"/run/ttmem"
#endif

/* Lines of JSON, the older file first. */
#define ACCOUNT_LOG	TTMEM_LOG "/account.log"
#define ACCOUNT_OLDER	ACCOUNT_LOG ".1"
/* What is about to be added to the older file; there only for a moment. */
#define ACCOUNT_FULL	ACCOUNT_LOG ".2"
/* What both become; it is whole when ACCOUNT_FULL is gone. */
#define ACCOUNT_NEW	ACCOUNT_OLDER ".new"

/* Written every two seconds while it runs, and old after some more. */
#define ACCOUNT_STATE	TTMEM_RUN "/account.json"
#define ACCOUNT_OLD	10.0

/* In place of a control group that could not be read in time. */
#define ACCOUNT_NO_CGROUP	"-"

#endif /* TTMEM_ACCOUNT_LOG_H */
