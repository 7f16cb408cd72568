/* CRC32c (RFC 9260 appendix A), by the processor's instruction where it has one. Any thread. */
#ifndef ACTR_WEBRTC_CRC32C_INTERNAL_H
#define ACTR_WEBRTC_CRC32C_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

uint32_t actr__crc32c(const uint8_t *data, size_t size);
/* The same by table, for processors without the instruction and for the test of the other. */
uint32_t actr__crc32c_portable(const uint8_t *data, size_t size);

#endif
