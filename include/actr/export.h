#ifndef ACTR_EXPORT_H
#define ACTR_EXPORT_H

#if defined(__GNUC__)
#define ACTR_API	      __attribute__((visibility("default")))
#define ACTR_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#else
#define ACTR_API
#define ACTR_PRINTF(fmt, arg)
#endif

/*
 * Of a struct that may grow in later versions: its size, the rest zero. Without a warning in C99 as
 * in C++11, so every ACTR_*_INIT of such a struct is made with it. Only for initializers.
 */
#if defined(__cplusplus)
#define ACTR_SIZED_INIT(type)                                                                      \
	[] {                                                                                       \
		type sized = {};                                                                   \
		sized.size = sizeof sized;                                                         \
		return sized;                                                                      \
	}()
#else
#define ACTR_SIZED_INIT(type)                                                                      \
	{                                                                                          \
		.size = sizeof(type)                                                               \
	}
#endif

#endif
