#include "wire/webrtc/crc32c_internal.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

/* Four bits a step: 16 entries of the reflected polynomial 0x82f63b78. */
static const uint32_t table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t actr__crc32c_portable(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xffffffff;

	while (size--) {
		crc ^= *data++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(const uint8_t *data, size_t size)
{
	uint64_t crc = 0xffffffff;
	uint32_t tail;

	for (; size >= 8; size -= 8, data += 8) {
		uint64_t word;

		memcpy(&word, data, sizeof word);
		crc = _mm_crc32_u64(crc, word);
	}
	tail = (uint32_t)crc;
	while (size--)
		tail = _mm_crc32_u8(tail, *data++);
	return ~tail;
}

uint32_t actr__crc32c(const uint8_t *data, size_t size)
{
	static int has_instruction = -1; /* set to one value by whoever comes first */
	int has = __atomic_load_n(&has_instruction, __ATOMIC_RELAXED);

	if (has < 0) {
		has = __builtin_cpu_supports("sse4.2") != 0;
		__atomic_store_n(&has_instruction, has, __ATOMIC_RELAXED);
	}
	return has ? by_instruction(data, size) : actr__crc32c_portable(data, size);
}
#else
uint32_t actr__crc32c(const uint8_t *data, size_t size)
{
	return actr__crc32c_portable(data, size);
}
#endif
