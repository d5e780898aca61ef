// SPDX-License-Identifier: GPL-2.0-only
/* Names of users. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "look/look.h"

/* A few users whose names were looked up, by their numbers. */
static struct user {
	uid_t uid;
	char *name;	/* NULL if there is none here */
} users[1024];

const char *user_name(uid_t uid)
{
	struct user *user = &users[uid % (sizeof(users) / sizeof(users[0]))];
	const struct passwd *pw;
	char number[16];

	if (user->name && user->uid == uid)
		return user->name;
	free(user->name);
	pw = getpwuid(uid);
	snprintf(number, sizeof(number), "%u", uid);
	user->uid = uid;
	user->name = copy(pw ? pw->pw_name : number);
	return user->name;
}

void forget_users(void)
{
	size_t i;

	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		free(users[i].name);
		users[i].name = NULL;
	}
}
