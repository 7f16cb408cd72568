/* .proto files of a command line. */
#include "cli.h"

#include <stdio.h>

#include "config/config.h"

#define MAX_FILE_BYTES (1u << 20)

int actr_cli_nomem(actr_error *err)
{
	*err = (actr_error){.code = ACTR_E_NOMEM, .wire_code = actr_error_to_wire(ACTR_E_NOMEM)};
	return ACTR_E_NOMEM;
}

int actr_cli_read_files(struct actr__arena *arena, char **paths, size_t count,
			actr_config_file **ret_files, actr_error *err)
{
	actr_config_file *files = actr__arena_alloc(arena, (count + 1) * sizeof *files);

	if (!files)
		return actr_cli_nomem(err);
	for (size_t i = 0; i < count; i++) {
		actr_bytes text;
		int rc = actr__file_read(arena, paths[i], MAX_FILE_BYTES, &text, err);

		if (rc < 0)
			return rc;
		if (memchr(text.data, 0, text.size)) {
			*err = (actr_error){.code = ACTR_E_CONFIG};
			snprintf(err->message, sizeof err->message,
				 "%.180s: expected text, got a 0 byte", paths[i]);
			return ACTR_E_CONFIG;
		}
		files[i] = (actr_config_file){paths[i], (const char *)text.data};
	}
	*ret_files = files;
	return 0;
}
