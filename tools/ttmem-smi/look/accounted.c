// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading ttmem-account's log. It is root's, but the names in it are users', so they go
 * the way of all others before they are printed.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <json-c/json.h>

#include "account_log.h"
#include "base/base.h"
#include "internal.h"
#include "look/accounted.h"

/* The older one first, then what is just being added to it. */
static const char * const files[] = { ACCOUNT_OLDER, ACCOUNT_FULL, ACCOUNT_LOG };

#define FILES	(sizeof(files) / sizeof(files[0]))

/* Which files they are, to tell whether lines went from one to another meanwhile. */
struct picture {
	ino_t inode[FILES];
};

static void take_picture(struct picture *picture)
{
	struct stat st;
	size_t i;

	for (i = 0; i < FILES; i++)
		picture->inode[i] = stat(files[i], &st) ? 0 : st.st_ino;
}

static bool get_number(struct json_object *from, const char *key, uint64_t max, uint64_t *n)
{
	struct json_object *value;

	if (!json_object_object_get_ex(from, key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return false;
	*n = json_object_get_uint64(value);
	return *n <= max;
}

/* Seconds as ms. */
static bool get_time(struct json_object *from, const char *key, uint64_t *ms)
{
	struct json_object *value;
	double seconds;

	if (!json_object_object_get_ex(from, key, &value) ||
	    !(json_object_is_type(value, json_type_double) ||
	      json_object_is_type(value, json_type_int)))
		return false;
	seconds = json_object_get_double(value);
	if (!(seconds >= 0 && seconds < 1e12))
		return false;
	*ms = (uint64_t)(seconds * 1000 + 0.5);
	return true;
}

/* A text; where it is not there it is empty. */
static char *get_text(struct json_object *from, const char *key)
{
	struct json_object *value;
	const char *text = "";
	char *copy;

	if (json_object_object_get_ex(from, key, &value) &&
	    json_object_is_type(value, json_type_string))
		text = json_object_get_string(value);
	copy = strdup(text);
	if (!copy)
		out_of_memory();
	return copy;
}

static bool read_client(struct accounted *a, struct json_object *from)
{
	uint64_t card, pid, uid;

	if (!get_number(from, "card", UINT32_MAX, &card) ||
	    !get_number(from, "client", UINT64_MAX, &a->client) ||
	    !get_number(from, "pid", INT32_MAX, &pid) ||
	    !get_number(from, "uid", UINT32_MAX, &uid) ||
	    !get_time(from, "begin", &a->begin) || !get_time(from, "end", &a->end) ||
	    !get_number(from, "chip0_dram_peak", UINT64_MAX, &a->peak[0][TTMEM_DRAM]) ||
	    !get_number(from, "chip0_l1_peak", UINT64_MAX, &a->peak[0][TTMEM_L1]) ||
	    !get_number(from, "chip1_dram_peak", UINT64_MAX, &a->peak[1][TTMEM_DRAM]) ||
	    !get_number(from, "chip1_l1_peak", UINT64_MAX, &a->peak[1][TTMEM_L1]))
		return false;
	a->card = card;
	a->pid = pid;
	a->uid = uid;
	a->address = get_text(from, "bus_id");
	a->board = get_text(from, "board");
	a->serial = get_text(from, "serial");
	a->asic = get_text(from, "asic_id");
	a->command = get_text(from, "command");
	a->cgroup = get_text(from, "cgroup");
	if (!strcmp(a->cgroup, ACCOUNT_NO_CGROUP))
		a->cgroup[0] = '\0';
	return true;
}

static void read_line(struct accounts *accounts, const char *text)
{
	struct json_object *root = json_tokener_parse(text), *value;
	const char *event = "";
	uint64_t n = 0;
	bool ok = true;

	if (json_object_is_type(root, json_type_object) &&
	    json_object_object_get_ex(root, "event", &value) &&
	    json_object_is_type(value, json_type_string))
		event = json_object_get_string(value);
	if (!strcmp(event, "client")) {
		accounts->client = grow(accounts->client, accounts->clients,
					sizeof(*accounts->client));
		ok = read_client(&accounts->client[accounts->clients], root);
		accounts->clients += ok;
	} else if (!strcmp(event, "left_out")) {
		ok = get_number(root, "clients", UINT64_MAX, &n);
		add_bytes(&accounts->left_out, n);
	} else if (!strcmp(event, "lost")) {
		if (get_number(root, "events", UINT64_MAX, &n))
			add_bytes(&accounts->lost_events, n);
		else if (get_number(root, "lines", UINT64_MAX, &n))
			add_bytes(&accounts->lost_lines, n);
		else
			ok = false;
	} else {
		ok = !strcmp(event, "start") || !strcmp(event, "stop");
	}
	accounts->broken += !ok;
	json_object_put(root);
}

/* Return: 0 or an errno. */
static int read_file(struct accounts *accounts, const char *path)
{
	size_t size = 0;
	char *text = NULL;
	ssize_t len;
	FILE *file;
	int error;

	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : errno;
	while ((len = getline(&text, &size, file)) > 0) {
		/* Of the last line there may be only a part yet. */
		if (text[len - 1] == '\n' && len > 1)
			read_line(accounts, text);
	}
	/* It may also have been short of memory. */
	error = ferror(file) || !feof(file) ? EIO : 0;
	free(text);
	fclose(file);
	return error;
}

void accounts_free(struct accounts *accounts)
{
	size_t i;

	for (i = 0; i < accounts->clients; i++) {
		struct accounted *a = &accounts->client[i];

		free(a->address);
		free(a->board);
		free(a->serial);
		free(a->asic);
		free(a->command);
		free(a->cgroup);
	}
	free(accounts->client);
	memset(accounts, 0, sizeof(*accounts));
}

void accounts_read_state(struct accounts *accounts)
{
	struct json_object *root, *value;
	struct timespec now;
	struct stat st;
	uint64_t ms;

	memset(accounts, 0, sizeof(*accounts));
	if (stat(ACCOUNT_STATE, &st)) {
		accounts->state = errno == ENOENT ? ACCOUNTING_OFF : ACCOUNTING_UNKNOWN;
		return;
	}
	root = json_object_from_file(ACCOUNT_STATE);
	if (!root || !json_object_is_type(root, json_type_object) || !get_time(root, "time", &ms))
		goto out;
	clock_gettime(CLOCK_REALTIME, &now);
	accounts->state = fabs(now.tv_sec - ms / 1000.0) < ACCOUNT_OLD ? ACCOUNTING_ON :
									 ACCOUNTING_OFF;
	accounts->recording = json_object_object_get_ex(root, "recording", &value) &&
			      json_object_get_boolean(value);
	get_number(root, "clients", UINT64_MAX, &accounts->since_clients);
out:
	json_object_put(root);
}

void accounts_read(struct accounts *accounts)
{
	struct picture before, after;
	int tries, error = 0;
	size_t i;

	for (tries = 0; tries < 5; tries++) {
		accounts_read_state(accounts);
		take_picture(&before);
		for (i = 0; i < FILES && !error; i++)
			error = read_file(accounts, files[i]);
		take_picture(&after);
		if (error || !memcmp(&before, &after, sizeof(before)))
			break;
		if (tries < 4)
			accounts_free(accounts);
	}
	for (i = 0; i < FILES && !error; i++)
		if (after.inode[i])
			return;
	accounts->status = EXIT_FAILED;
	/* A directory that lets nobody in tells nothing of what is in it. */
	if (error == EACCES) {
		accounts->status = EXIT_PERMISSION;
		snprintf(accounts->why, sizeof(accounts->why),
			 ACCOUNT_LOG " is for root and the group adm, as it names all users' processes: sudo");
	} else if (error) {
		snprintf(accounts->why, sizeof(accounts->why), ACCOUNT_LOG ": %s", strerror(error));
	} else {
		accounts->status = EXIT_NOT_FOUND;
		snprintf(accounts->why, sizeof(accounts->why),
			 "there is no " ACCOUNT_LOG ", which ttmem-account writes: sudo systemctl enable --now ttmem-account");
	}
}

uint64_t accounted_peak(const struct accounted *accounted, unsigned int memory)
{
	uint64_t sum = accounted->peak[0][memory];

	add_bytes(&sum, accounted->peak[1][memory]);
	return sum;
}
