#ifndef ACTR_EXPORT_H
#define ACTR_EXPORT_H

#if defined(__GNUC__)
#define ACTR_API	      __attribute__((visibility("default")))
#define ACTR_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#else
#define ACTR_API
#define ACTR_PRINTF(fmt, arg)
#endif

#endif
