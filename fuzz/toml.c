/* Actr.toml from memory: any bytes. */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	actr_config *config = NULL;
	actr_error err = ACTR_ERROR_INIT;

	if (actr__config_parse("fuzz", actr__bytes(data, size), &config, &err) == 0)
		(void)actr_config_free(config);
	return 0;
}
