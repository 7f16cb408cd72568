/* The five macros (and no more) that bend the language a little. */
#ifndef ACTR_BASE_MACROS_H
#define ACTR_BASE_MACROS_H

#include <stddef.h>

/* Call `fn(&variable)` when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Move a pointer out of a variable that would clean it up. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Return the negative result of an expression from this function. */
#define ACTR_TRY(expr)                                                                             \
	do {                                                                                       \
		int try_ = (expr);                                                                 \
		if (try_ < 0)                                                                      \
			return try_;                                                               \
	} while (0)

#endif
