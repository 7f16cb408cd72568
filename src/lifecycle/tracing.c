/*
 * Where a node's spans go: from the config, else from the variables of OpenTelemetry.
 *
 * Tracing is on when `tracing_enabled` says so, or OTEL_EXPORTER_OTLP_ENDPOINT (or its _TRACES_
 * form) names a collector and OTEL_SDK_DISABLED does not forbid it. Off, a node has no tracer.
 */
#include "lifecycle/lifecycle_internal.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_ENDPOINT "http://localhost:4318"
#define TRACES_PATH	 "/v1/traces"

/* An empty variable is one that is not set (OpenTelemetry, environment variables). */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static const char *collector_of_environment(void)
{
	const char *traces = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");

	return traces ? traces : variable("OTEL_EXPORTER_OTLP_ENDPOINT");
}

static bool is_on(const actr_config *config)
{
	const char *disabled = variable("OTEL_SDK_DISABLED");

	if (config->tracing_enabled)
		return true;
	return collector_of_environment() && !(disabled && !strcasecmp(disabled, "true"));
}

/* The endpoint for all signals gets the path of traces; one for traces alone is used as it is. */
static char *url_of(const actr_config *config)
{
	const char *base = config->tracing_endpoint;
	const char *traces = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
	size_t size, suffix = strlen(TRACES_PATH);
	struct actr__buf url;

	if (!base && traces)
		return actr__strdup(traces);
	if (!base)
		base = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
	if (!base)
		base = DEFAULT_ENDPOINT;
	size = strlen(base);
	while (size && base[size - 1] == '/')
		size--;
	if (size > suffix && !strncmp(base + size - suffix, TRACES_PATH, suffix))
		size -= suffix;
	actr__buf_init(&url, 4096);
	(void)actr__buf_append(&url, base, size); /* the text is NULL after a failure */
	(void)actr__buf_puts(&url, TRACES_PATH);
	return actr__buf_take_text(&url);
}

static const char *service_name(const actr_config *config)
{
	const char *name = config->tracing_service_name;

	if (!name)
		name = variable("OTEL_SERVICE_NAME");
	return name ? name : config->package_name ? config->package_name : config->package_type;
}

static double ratio_argument(void)
{
	const char *text = variable("OTEL_TRACES_SAMPLER_ARG");
	char *end;
	double ratio;

	if (!text)
		return 1;
	ratio = strtod(text, &end);
	return *end || !(ratio >= 0 && ratio <= 1) ? 1 : ratio;
}

/* OTEL_TRACES_SAMPLER: parentbased_always_on is the default, also for what nobody knows. */
static void sampler_of_environment(struct actr__tracer_options *options)
{
	static const struct {
		const char *name;
		bool ignore_parent;
		int ratio; /* -1: the argument */
	} samplers[] = {
		{"always_on", true, 1},
		{"always_off", true, 0},
		{"traceidratio", true, -1},
		{"parentbased_always_on", false, 1},
		{"parentbased_always_off", false, 0},
		{"parentbased_traceidratio", false, -1},
	};
	const char *name = variable("OTEL_TRACES_SAMPLER");

	options->ratio = 1;
	for (size_t i = 0; name && i < ARRAY_SIZE(samplers); i++) {
		if (strcmp(samplers[i].name, name) != 0)
			continue;
		options->ignore_parent = samplers[i].ignore_parent;
		options->ratio = samplers[i].ratio < 0 ? ratio_argument() : samplers[i].ratio;
		return;
	}
}

static void sampler_of(const actr_config *config, struct actr__tracer_options *options)
{
	if (config->tracing_sample_ratio != 0)
		options->ratio = config->tracing_sample_ratio; /* negative: none */
	else
		sampler_of_environment(options);
}

/* --- the post --- */

static void on_posted(void *ticket, const struct actr__http_answer *answer)
{
	actr__tracer_posted(ticket, &(struct actr__tracer_answer){
					    .status = answer->status,
					    .retry_after_s = answer->retry_after_s,
					    .body = answer->body,
					    .cause = answer->why ? answer->why->message : NULL,
				    });
}

static int post(void *owner, actr_bytes body, unsigned timeout_ms, void *ticket, actr_error *err)
{
	struct actr_node *node = owner;

	return actr__http_post(node->runtime->websocket, node->traces_url, "application/x-protobuf",
			       body, timeout_ms, on_posted, ticket, err);
}

static const struct actr__tracer_ops tracer_ops = {post};

/* --- life --- */

int tracing_start(struct actr_node *node, actr_error *err)
{
	const actr_config *config = &node->system->config;
	struct actr__tracer_options options = {.service_name = service_name(config)};

	if (!is_on(config))
		return 0;
	node->traces_url = url_of(config);
	if (!node->traces_url)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for the address of a collector");
	sampler_of(config, &options);
	ACTR_INFO("trace_export", "what=tracing url=%s ratio=%g", node->traces_url, options.ratio);
	return actr__tracer_new(node->loop, &options, &tracer_ops, node, &node->endpoint.tracer,
				err);
}

void tracing_flush(struct actr_node *node, void (*on_done)(void *user))
{
	if (node->endpoint.tracer)
		actr__tracer_flush(node->endpoint.tracer, on_done, node);
	else
		on_done(node);
}

void tracing_end(struct actr_node *node)
{
	node->endpoint.tracer = actr__tracer_free(node->endpoint.tracer);
	actr__free(TAKE(node->traces_url));
}
