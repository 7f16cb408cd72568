/*
 * Identities and bytes: plain values, copied freely, owning nothing (reference.md 2.1).
 */
#ifndef ACTR_TYPES_H
#define ACTR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <actr/error.h>
#include <actr/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that somebody else owns. */
typedef struct actr_bytes {
	const uint8_t *data;
	size_t size;
} actr_bytes;

#define ACTR_MANUFACTURER_MAX 63  /* bytes without the terminating 0 */
#define ACTR_TYPE_NAME_MAX    191 /* "package.Service" of generated types is longer than a Name */
/* Longest text of an id: manufacturer ':' name '@' 16 hex ':' 10 decimal, and the 0. */
#define ACTR_ID_TEXT_SIZE (ACTR_MANUFACTURER_MAX + ACTR_TYPE_NAME_MAX + 31)

typedef struct actr_type {
	char manufacturer[ACTR_MANUFACTURER_MAX + 1];
	char name[ACTR_TYPE_NAME_MAX + 1];
} actr_type;

typedef struct actr_id {
	uint32_t realm;
	uint64_t serial;
	actr_type type;
} actr_id;

/* The lanes of a connection; also data channel ids and the method option 50001. */
typedef enum actr_lane {
	ACTR_LANE_RPC_RELIABLE = 0,
	ACTR_LANE_RPC_SIGNAL = 1,
	ACTR_LANE_STREAM_RELIABLE = 2,
	ACTR_LANE_STREAM_LATENCY_FIRST = 3,
	ACTR_LANE_MEDIA_RTP = 4
} actr_lane;
#define ACTR_LANE_COUNT 5

/* Fill from two strings; ACTR_E_INVALID_ARGUMENT when one is NULL or too long. Any thread. */
ACTR_API int actr_type_set(actr_type *ret_type, const char *manufacturer, const char *name,
			   actr_error *err);
/*
 * `manufacturer:name`. Names follow reference.md 2.2, except that '.' separates further parts,
 * since generated types have it. Any thread.
 */
ACTR_API int actr_type_parse(const char *text, actr_type *ret_type, actr_error *err);
/* `manufacturer:name@hexserial:realm`. Any thread. */
ACTR_API int actr_id_parse(const char *text, actr_id *ret_id, actr_error *err);
/* Print, never validate. `text` is always terminated; returns text. Any thread. */
ACTR_API char *actr_type_format(const actr_type *type, char *text, size_t size);
ACTR_API char *actr_id_format(const actr_id *id, char *text, size_t size);
ACTR_API bool actr_type_equal(const actr_type *a, const actr_type *b);
ACTR_API bool actr_id_equal(const actr_id *a, const actr_id *b);
/* Order of glare and roles: realm, serial, manufacturer, name (reference.md 3.8). */
ACTR_API int actr_id_compare(const actr_id *a, const actr_id *b);

#ifdef __cplusplus
}
#endif
#endif
