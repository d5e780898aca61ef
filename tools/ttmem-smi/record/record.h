/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recordings: ttmem-smi record samples into a file, report sums that up and draws it.
 * They take the arguments from their name on.
 */
#ifndef TTMEM_SMI_RECORD_H
#define TTMEM_SMI_RECORD_H

/**
 * record_main() - ttmem-smi record
 * @argc: how many arguments
 * @argv: the arguments
 * Return: the status to end with
 */
int record_main(int argc, char **argv);

/**
 * report_main() - ttmem-smi report
 * @argc: how many arguments
 * @argv: the arguments
 * Return: the status to end with
 */
int report_main(int argc, char **argv);

#endif /* TTMEM_SMI_RECORD_H */
