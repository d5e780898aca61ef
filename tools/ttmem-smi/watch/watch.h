/* SPDX-License-Identifier: GPL-2.0-only */
/* ttmem-smi watch. */
#ifndef TTMEM_SMI_WATCH_H
#define TTMEM_SMI_WATCH_H

/**
 * watch_main() - ttmem-smi watch
 * @argc: how many arguments
 * @argv: the arguments
 * Return: the status to end with
 */
int watch_main(int argc, char **argv);

#endif /* TTMEM_SMI_WATCH_H */
