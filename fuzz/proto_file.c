/* A .proto file: any bytes. What is accepted has a canonical form. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = actr__strndup((const char *)data, size);
	actr_config_file file = {"fuzz.proto", text};
	struct actr__protos *protos = NULL;
	actr_error err = ACTR_ERROR_INIT;

	if (!text)
		return 0;
	if (actr__protos_new(&file, 1, &protos, &err) == 0 &&
	    strncmp(actr__protos_fingerprint(protos, 0), "semantic:", 9) != 0)
		abort();
	(void)actr__protos_free(protos);
	actr__free(text);
	return 0;
}
