/*
 * P3: RpcEnvelope of a call with a 64-byte payload, decoded and encoded, beside protobuf-c's
 * generated code. Prints one line of JSON; times are the best of several rounds, in nanoseconds an
 * operation.
 */
#include <stdio.h>

#include "protocol/protocol.h"

#define ROUNDS	   20
#define OPERATIONS 100000u

static uint8_t encoded[512];
static size_t encoded_size;
static volatile uint64_t sink;

static void fill(struct actr__envelope *envelope)
{
	static const uint8_t payload[64] = {1, 2, 3};

	*envelope = (struct actr__envelope){
		.route_key = actr__text("echo.EchoService.Echo"),
		.payload = actr__bytes(payload, sizeof payload),
		.has_payload = true,
		.direction = ACTR__DIRECTION_REQUEST,
		.request_id = actr__text("0b0f9a3e-6c1e-4b7e-9a51-0f0c3f1f2a77"),
		.timeout_ms = 30000,
	};
}

static void decode_ours(void)
{
	struct actr__envelope envelope;

	if (actr__envelope_decode(&envelope, actr__bytes(encoded, encoded_size), NULL) == 0)
		sink += envelope.payload.size;
}

static void encode_ours(void)
{
	static struct actr__envelope envelope;
	uint8_t out[512];

	if (!envelope.has_payload)
		fill(&envelope);
	if (actr__envelope_size(&envelope) <= sizeof out)
		sink += actr__envelope_encode(&envelope, out, NULL) + out[3];
}

static void decode_generated(void)
{
	Actr__RpcEnvelope *envelope = actr__rpc_envelope__unpack(NULL, encoded_size, encoded);

	sink += envelope->payload.len;
	actr__rpc_envelope__free_unpacked(envelope, NULL);
}

static void encode_generated(void)
{
	static Actr__RpcEnvelope *envelope;
	uint8_t out[512];

	if (!envelope)
		envelope = actr__rpc_envelope__unpack(NULL, encoded_size, encoded);
	if (actr__rpc_envelope__get_packed_size(envelope) <= sizeof out)
		sink += actr__rpc_envelope__pack(envelope, out) + out[3];
}

static double best_ns(void (*operation)(void))
{
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = actr__clock_monotonic_ns();
		double ns;

		for (unsigned i = 0; i < OPERATIONS; i++)
			operation();
		ns = (double)(actr__clock_monotonic_ns() - start) / OPERATIONS;
		best = ns < best ? ns : best;
	}
	return best;
}

int main(void)
{
	struct actr__envelope envelope;

	fill(&envelope);
	encoded_size = actr__envelope_encode(&envelope, encoded, NULL);
	printf("{\"id\":\"P3\",\"what\":\"RpcEnvelope, 64 B payload, %zu B\",\"decode_ns\":%.1f,"
	       "\"encode_ns\":%.1f,\"protobuf_c_decode_ns\":%.1f,\"protobuf_c_encode_ns\":%.1f}\n",
	       encoded_size, best_ns(decode_ours), best_ns(encode_ours), best_ns(decode_generated),
	       best_ns(encode_generated));
	return 0;
}
