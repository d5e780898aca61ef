// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places in arrays, by name: json-c's hash table, whose hash others cannot
 * foresee. The functions are explained in lookup.h.
 */
#include <json-c/linkhash.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/base.h"
#include "record/lookup.h"

/* An entry's value; its key is the name. */
struct node {
	size_t place;
	char *name;
};

static void free_entry(struct lh_entry *entry)
{
	struct node *node = lh_entry_v(entry);

	free(node->name);
	free(node);
}

size_t *lookup(struct lookup *lookup, const char *format, ...)
{
	struct node *node;
	va_list args;
	char *name;
	void *found;
	int len;

	va_start(args, format);
	len = vasprintf(&name, format, args);
	va_end(args);
	if (!lookup->table)
		lookup->table = lh_kchar_table_new(64, free_entry);
	if (len < 0 || !lookup->table)
		out_of_memory();
	if (lh_table_lookup_ex(lookup->table, name, &found)) {
		free(name);
		node = found;
		return &node->place;
	}
	node = malloc(sizeof(*node));
	if (!node || lh_table_insert(lookup->table, name, node))
		out_of_memory();
	node->place = NOWHERE;
	node->name = name;
	return &node->place;
}

void lookup_free(struct lookup *lookup)
{
	if (lookup->table)
		lh_table_free(lookup->table);
	lookup->table = NULL;
}
