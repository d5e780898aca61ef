/* SPDX-License-Identifier: GPL-2.0-only */
/* ttmem-smi top. */
#ifndef TTMEM_SMI_TOP_H
#define TTMEM_SMI_TOP_H

/**
 * top_main() - run `ttmem-smi top`
 * @argc: how many arguments
 * @argv: the arguments, from "top" on
 * Return: the status to end with
 */
int top_main(int argc, char **argv);

#endif /* TTMEM_SMI_TOP_H */
