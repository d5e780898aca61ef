/* SPDX-License-Identifier: GPL-2.0-only */
/* ttmem-smi doctor. */
#ifndef TTMEM_SMI_DOCTOR_H
#define TTMEM_SMI_DOCTOR_H

/**
 * doctor_main() - ttmem-smi doctor
 * @argc: how many arguments, from its name on
 * @argv: the arguments
 * Return: the status to end with
 */
int doctor_main(int argc, char **argv);

#endif /* TTMEM_SMI_DOCTOR_H */
