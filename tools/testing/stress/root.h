/* SPDX-License-Identifier: GPL-2.0-only */
/* What root does in the stress test. */
#ifndef STRESS_ROOT_H
#define STRESS_ROOT_H

#include "shared.h"

/* Each in a process of its own. */
enum role {
	ROLE_HARDWARE,
	ROLE_MODULES,
	ROLE_ADMIN,
	ROLES,
};

/* Before the first role: where the cards are, which then lose their numbers. */
void root_find_cards(void);

/* Play a role, until killed. */
void root_role(enum role role);

/* All cards and modules are there again. */
void root_put_back(void);

#endif /* STRESS_ROOT_H */
