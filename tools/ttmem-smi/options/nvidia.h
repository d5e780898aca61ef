/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nvidia-smi's words, so that scripts written for it run: those that ttmem-smi has nothing
 * for are refused with what to use instead. They are those of nvidia-smi 535 to 610.
 */
#ifndef TTMEM_SMI_OPTIONS_NVIDIA_H
#define TTMEM_SMI_OPTIONS_NVIDIA_H

/**
 * refusal() - what to say to an option or command that ttmem-smi does not do
 * @word: as typed, with its dashes and without a value
 * Return: a sentence, NULL if it is none of nvidia-smi's either
 */
const char *refusal(const char *word);

/**
 * respell() - write arguments in nvidia-smi's form as getopt takes them
 * @argc: how many; out: how many are left
 * @argv: the arguments, of which some are replaced
 *
 * Those are -l=1, -i=0 and the like, -lms=500 and -lms 500, -l without a value, and -am.
 * Return: the first that refusal() has a sentence for, without a value; NULL if none
 */
const char *respell(int *argc, char **argv);

#endif /* TTMEM_SMI_OPTIONS_NVIDIA_H */
