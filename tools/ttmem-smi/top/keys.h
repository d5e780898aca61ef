/* SPDX-License-Identifier: GPL-2.0-only */
/* What the keys do. */
#ifndef TTMEM_SMI_TOP_KEYS_H
#define TTMEM_SMI_TOP_KEYS_H

#include <stdbool.h>

#include "top/model.h"
#include "top/ui.h"

/**
 * quits() - whether a key ends top
 * @ui: what is seen
 * @key: the key
 * Return: whether it does
 */
bool quits(const struct ui *ui, int key);

/**
 * take_key() - do what a key does
 * @top: the model, arranged; to be arranged again
 * @ui: what is seen
 * @key: the key
 * Return: whether to go on
 */
bool take_key(struct top *top, struct ui *ui, int key);

#endif /* TTMEM_SMI_TOP_KEYS_H */
