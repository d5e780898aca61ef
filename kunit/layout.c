// SPDX-License-Identifier: GPL-2.0-only
/*
 * The uapi's layout as a user's compiler sees it; nothing of this runs. run compiles it
 * for 64-bit and for 32-bit programs.
 */

#include "../uapi/ttmem.h"

#define FIELD(type, field, offset, size)						\
	_Static_assert(__builtin_offsetof(struct type, field) == (offset),		\
		       #type "." #field " is not at " #offset);				\
	_Static_assert(sizeof(((struct type *)0)->field) == (size),			\
		       #type "." #field " does not have " #size " bytes");
#define STRUCT(type, size, alignment)							\
	_Static_assert(sizeof(struct type) == (size), #type " does not have " #size " bytes"); \
	_Static_assert(__alignof__(struct type) == (alignment),				\
		       #type " is not aligned to " #alignment);
#define CALL(name, number)								\
	_Static_assert(name == (number), #name " is not " #number);
#include "layout.h"
