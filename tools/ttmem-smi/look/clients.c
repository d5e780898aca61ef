// SPDX-License-Identifier: GPL-2.0-only
/* The list of clients of all cards. */
#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "look/look.h"

/* Processes that are not visible by client. */
static int by_process(const void *a, const void *b)
{
	const struct ttmem_client *x = a, *y = b;
	int order = compare_numbers(x->card, y->card);

	if (!order)
		order = compare_numbers(x->chip, y->chip);
	if (!order)
		order = compare_numbers(x->pid, y->pid);
	if (!order)
		order = compare_numbers(x->client, y->client);
	if (!order)
		order = compare_numbers(x->memory, y->memory);
	return order;
}

int list_clients(struct ttmem_client **list, size_t *count)
{
	int ret = ttmem_clients(list, count, sizeof(**list));

	if (ret == -ENOMEM)
		out_of_memory();
	if (*count)
		qsort(*list, *count, sizeof(**list), by_process);
	return ret;
}

size_t clients_of(const struct ttmem_client **list, size_t count,
		  unsigned int card)
{
	size_t first = 0, end;

	while (first < count && (*list)[first].card < card)
		first++;
	for (end = first; end < count && (*list)[end].card == card; end++)
		;
	*list += first;
	return end - first;
}

int list_status(int error)
{
	return error == -ENXIO || error == -ENOPKG ? EXIT_NO_DRIVER :
						     EXIT_FAILED;
}
