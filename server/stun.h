/* STUN Binding responder, RFC 8489 and, without a cookie, RFC 3489: "what is my address, seen from
 * you". Nothing else of STUN. */
#ifndef ACTRD_STUN_H
#define ACTRD_STUN_H

#include <sys/socket.h>

#include "base/base.h"

#define STUN_ANSWER_MAX 128

/*
 * The answer to a datagram from `from`: its size in `out`, or 0 when none is due. Total on any
 * input; never longer than what an attacker gains from spoofing (an answer is at most 44 bytes for
 * 20).
 */
size_t stun_answer(actr_bytes datagram, const struct sockaddr *from, uint8_t out[STUN_ANSWER_MAX]);

#endif
