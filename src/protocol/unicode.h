/* Classes of characters, as the original's language has them: Unicode's derived properties. */
#ifndef ACTR_PROTOCOL_UNICODE_H
#define ACTR_PROTOCOL_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool actr__is_alphabetic(uint32_t point);
bool actr__is_alphanumeric(uint32_t point); /* Alphabetic, or a number (Nd, Nl, No) */
bool actr__is_uppercase(uint32_t point);
bool actr__is_lowercase(uint32_t point);

/* The next code point of well-formed UTF-8; moves `at` behind it. */
uint32_t actr__utf8_next(const uint8_t **at);

#endif
