/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of json-c that are made, or the program ends: what its users here share. */
#ifndef TTMEM_MAKE_JSON_H
#define TTMEM_MAKE_JSON_H

#include <json-c/json.h>

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

#endif /* TTMEM_MAKE_JSON_H */
