#include "protocol/protocol.h"

const char *actr__lane_name(unsigned lane)
{
	static const char *const names[ACTR_LANE_COUNT] = {
		"RpcReliable", "RpcSignal", "StreamReliable", "StreamLatencyFirst", "MediaRtp",
	};

	return lane < ACTR_LANE_COUNT ? names[lane] : "?";
}
