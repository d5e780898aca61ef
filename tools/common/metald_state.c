// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "metald_state.h"

/* It has a line for each card. */
#define SIZE_MAX_READ	(1u << 20)
/* It is written once a second, so it is old after so many. */
#define OLD		10.0
#define SCHEMA		1

/* The whole file and a NUL, to be freed; it may be written anew meanwhile, by rename. */
static int read_state(char **text)
{
	size_t size = 0;
	ssize_t got;
	int fd, ret = 0;

	fd = open(METALD_STATE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	*text = malloc(SIZE_MAX_READ + 1);
	if (!*text)
		ret = -ENOMEM;
	while (!ret && (got = read(fd, *text + size, SIZE_MAX_READ + 1 - size))) {
		if (got < 0) {
			ret = errno == EINTR ? 0 : -errno;
			continue;
		}
		size += got;
		if (size > SIZE_MAX_READ)
			ret = -EFBIG;
	}
	close(fd);
	if (ret) {
		free(*text);
		*text = NULL;
		return ret;
	}
	(*text)[size] = '\0';
	return 0;
}

static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0;
}

/* A number that is there, is one and is not negative. */
static bool get_number(struct json_object *from, const char *key, uint64_t *n)
{
	struct json_object *value;

	if (!json_object_object_get_ex(from, key, &value) || !is_number(value))
		return false;
	*n = json_object_get_uint64(value);
	return true;
}

static enum silence reason(const char *word)
{
	enum silence why;

	for (why = SILENT_NOT + 1; why < SILENT_OTHER; why++)
		if (!strcmp(word, silence_word(why)))
			break;
	return why;
}

static bool read_card(struct metald_card *card, struct json_object *from)
{
	struct json_object *silent;
	uint64_t number;

	if (!json_object_is_type(from, json_type_object) ||
	    !get_number(from, "card", &number) || number > UINT32_MAX ||
	    !json_object_object_get_ex(from, "silent", &silent) ||
	    !json_object_is_type(silent, json_type_object))
		return false;
	card->card = number;
	/* A reason that is not there is that of no process. */
	json_object_object_foreach(silent, word, value) {
		uint64_t *count = &card->silent[reason(word)];

		if (!is_number(value))
			return false;
		number = json_object_get_uint64(value);
		*count = *count > UINT64_MAX - number ? UINT64_MAX : *count + number;
	}
	return true;
}

static int parse(struct metald_state *state, struct json_object *root)
{
	struct json_object *time, *cards, *version;
	struct timespec now;
	uint64_t schema;
	size_t i, count;

	if (!json_object_is_type(root, json_type_object) ||
	    !get_number(root, "schema", &schema) || schema != SCHEMA ||
	    !json_object_object_get_ex(root, "time", &time) ||
	    !(json_object_is_type(time, json_type_double) ||
	      json_object_is_type(time, json_type_int)) ||
	    !get_number(root, "unplaced_bytes", &state->unplaced) ||
	    !json_object_object_get_ex(root, "cards", &cards) ||
	    !json_object_is_type(cards, json_type_array))
		return -EBADMSG;
	if (json_object_object_get_ex(root, "version", &version) &&
	    json_object_is_type(version, json_type_string))
		snprintf(state->version, sizeof(state->version), "%s",
			 json_object_get_string(version));
	count = json_object_array_length(cards);
	state->card = calloc(count + 1, sizeof(*state->card));
	if (!state->card)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		if (!read_card(&state->card[i], json_object_array_get_idx(cards, i)))
			return -EBADMSG;
	state->cards = count;
	clock_gettime(CLOCK_REALTIME, &now);
	state->age = now.tv_sec + now.tv_nsec / 1e9 - json_object_get_double(time);
	/* From the future it is as well if the clock was set back. */
	state->running = fabs(state->age) < OLD;
	return 0;
}

int metald_read(struct metald_state *state)
{
	struct json_object *root;
	char *text = NULL;
	int ret;

	memset(state, 0, sizeof(*state));
	ret = read_state(&text);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	root = json_tokener_parse(text);
	free(text);
	if (!root)
		return -EBADMSG;
	ret = parse(state, root);
	json_object_put(root);
	return ret;
}

const struct metald_card *metald_card(const struct metald_state *state,
				      unsigned int card)
{
	size_t i;

	for (i = 0; state->running && i < state->cards; i++)
		if (state->card[i].card == card)
			return &state->card[i];
	return NULL;
}

void metald_free(struct metald_state *state)
{
	free(state->card);
	memset(state, 0, sizeof(*state));
}
