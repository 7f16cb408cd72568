/* W3C Trace Context 3.2.2: version "-" trace-id "-" parent-id "-" flags, lower-case hex, ids not 0.
 */
#include "protocol/protocol.h"

#define TRACEPARENT_SIZE 55

static bool is_hex(const uint8_t *text, size_t size, bool *ret_zero)
{
	*ret_zero = true;
	for (size_t i = 0; i < size; i++) {
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
		*ret_zero = *ret_zero && text[i] == '0';
	}
	return true;
}

bool actr__traceparent_valid(actr_bytes text)
{
	const uint8_t *at = text.data;
	bool zero;

	return text.size == TRACEPARENT_SIZE && at[0] == '0' && at[1] == '0' && at[2] == '-' &&
	       is_hex(at + 3, 32, &zero) && !zero && at[35] == '-' && is_hex(at + 36, 16, &zero) &&
	       !zero && at[52] == '-' && is_hex(at + 53, 2, &zero);
}
