/* A parsed set, for those inside the room that look at its files (inner header of config). */
#ifndef ACTR_CONFIG_FINGERPRINT_INTERNAL_H
#define ACTR_CONFIG_FINGERPRINT_INTERNAL_H

#include "config/proto_internal.h"

#define ACTR__PROTOS_FILES_MAX 1024u

struct actr__protos {
	struct actr__arena arena;
	struct actr__proto_file **files;
	const char **fingerprints;
	size_t count;
	char service[ACTR__FINGERPRINT_SIZE];
};

/* Last part of a path. */
const char *actr__file_name(const char *path);

#endif
