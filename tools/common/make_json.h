/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of json-c that are made, or the program ends: what its users here share. */
#ifndef TTMEM_MAKE_JSON_H
#define TTMEM_MAKE_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include <json-c/json.h>

#include "clean.h"

/* The program's own. */
void __attribute__((noreturn)) out_of_memory(void);

/* json-c gives a null object both for null and for lack of memory. */
static inline struct json_object *made(struct json_object *obj)
{
	if (!obj)
		out_of_memory();
	return obj;
}

static inline void put(struct json_object *to, const char *key,
		       struct json_object *value)
{
	if (json_object_object_add(to, key, value))
		out_of_memory();
}

static inline void append(struct json_object *to, struct json_object *value)
{
	if (json_object_array_add(to, value))
		out_of_memory();
}

/* Print an object and a line's end, in one line if @compact, and free it. */
static inline void print_object(FILE *out, struct json_object *obj, bool compact)
{
	const char *text;

	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_NOSLASHESCAPE |
					      (compact ? JSON_C_TO_STRING_PLAIN :
					       JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_SPACED));
	if (!text)
		out_of_memory();
	clean_json(out, text);
	fputc('\n', out);
	json_object_put(obj);
}

#endif /* TTMEM_MAKE_JSON_H */
