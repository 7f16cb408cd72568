#include "metrics.h"

#include <inttypes.h>

int metrics_format(const struct metrics *metrics, size_t sessions, size_t actors,
		   struct actr__buf *out)
{
#define METRICS_LINE(name, help)                                                                   \
	actr__buf_printf(out,                                                                      \
			 "# HELP actrd_" #name "_total " help "\n"                                 \
			 "# TYPE actrd_" #name "_total counter\n"                                  \
			 "actrd_" #name "_total %" PRIu64 "\n",                                    \
			 metrics->name);
	METRICS_MAP(METRICS_LINE)
#undef METRICS_LINE
	return actr__buf_printf(out,
				"# HELP actrd_sessions connections now open\n"
				"# TYPE actrd_sessions gauge\nactrd_sessions %zu\n"
				"# HELP actrd_actors actors now registered\n"
				"# TYPE actrd_actors gauge\nactrd_actors %zu\n",
				sessions, actors);
}
