/*
 * One HTTP POST: body out, status and body in, told once.
 *
 * The same life as a WebSocket's: dial, wsi, end in post_end() and nowhere else. The owner has no
 * handle; what is left when the context goes ends without a word.
 */
#include "wire/websocket/websocket_internal.h"

#define POST_TIMEOUT_MS 30000

struct http_post {
	struct actr__list link;
	struct actr__ws_context *context;
	struct dial *dial;
	struct lws *wsi;
	void (*on_done)(void *user, const struct actr__http_answer *answer);
	void *user;
	struct actr__timer timer;
	struct actr__buf response;
	char content_type[128];
	unsigned status, retry_after_s;
	bool complete;
	size_t size;
	uint8_t *body; /* LWS_PRE, then size */
};

static void tell(struct http_post *post, const actr_error *why)
{
	struct actr__http_answer answer = {.why = why};

	if (!why) {
		answer.status = post->status;
		answer.retry_after_s = post->retry_after_s;
		answer.body = actr__bytes(post->response.data, post->response.size);
	}
	post->on_done(post->user, &answer);
}

static void post_end(struct http_post *post, const actr_error *why)
{
	actr_error lost = ACTR_ERROR_INIT;

	actr__list_remove(&post->link);
	actr__timer_stop(post->context->loop, &post->timer);
	if (post->wsi)
		lws_set_opaque_user_data(post->wsi, NULL);
	if (!why && !post->complete) {
		actr__fail(&lost, ACTR_E_UNAVAILABLE, "the connection was lost");
		why = &lost;
	}
	if (!post->context->freeing)
		tell(post, why);
	dial_free(post->dial);
	actr__buf_done(&post->response);
	actr__free(post->body);
	actr__free(post);
}

void http_post_free_all(struct actr__ws_context *context)
{
	while (!actr__list_empty(&context->posts))
		post_end(container_of(context->posts.next, struct http_post, link), NULL);
}

static void on_timer(struct actr__timer *timer)
{
	struct http_post *post = container_of(timer, struct http_post, timer);
	actr_error why = ACTR_ERROR_INIT;

	actr__fail(&why, ACTR_E_TIMEOUT, "%s does not answer in time", post->dial->target.host);
	ws_cut(TAKE(post->wsi));
	post_end(post, &why);
}

static int add_headers(struct http_post *post, struct lws *wsi, uint8_t **at, size_t size)
{
	uint8_t *end = *at + size;
	char length[24];
	int digits = snprintf(length, sizeof length, "%zu", post->size);

	if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
					 (uint8_t *)post->content_type,
					 (int)strlen(post->content_type), at, end) ||
	    lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, (uint8_t *)length,
					 digits, at, end))
		return -1;
	lws_client_http_body_pending(wsi, 1);
	lws_callback_on_writable(wsi);
	return 0;
}

static int write_body(struct http_post *post, struct lws *wsi)
{
	uint8_t *body = TAKE(post->body);
	int rc = 0;

	if (!body)
		return 0;
	lws_client_http_body_pending(wsi, 0);
	rc = lws_write(wsi, body + LWS_PRE, post->size, LWS_WRITE_HTTP_FINAL);
	actr__free(body);
	return rc < 0 ? -1 : 0;
}

/* A date, the other form of it, is not read. */
static unsigned retry_after_s(struct lws *wsi)
{
	char text[16];
	int size = lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_RETRY_AFTER);
	unsigned seconds = 0;

	for (int i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9' || seconds > 1000000)
			return 0;
		seconds = seconds * 10 + (unsigned)(text[i] - '0');
	}
	return seconds;
}

/* Makes libwebsockets call back with RECEIVE_CLIENT_HTTP_READ, chunked framing removed. */
static int pull(struct lws *wsi)
{
	char buffer[LWS_PRE + WS_RX_CHUNK], *at = buffer + LWS_PRE;
	int size = WS_RX_CHUNK;

	return lws_http_client_read(wsi, &at, &size) < 0 ? -1 : 0;
}

static void on_connection_error(struct http_post *post, struct lws *wsi, const char *text)
{
	actr_error why = ACTR_ERROR_INIT;

	if (!ws_connection_error(post->context, wsi, &post->dial->target, text, &why) &&
	    dial_again(post->dial, &why)) {
		lws_set_opaque_user_data(wsi, NULL);
		post->wsi = NULL;
		return;
	}
	post_end(post, &why);
}

int http_post_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		       size_t size)
{
	struct http_post *post = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (!post)
		return 0;
	actr__loop_touch(post->context->loop);
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_headers(post, wsi, in, size);
	case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
		post->status = lws_http_client_http_response(wsi);
		post->retry_after_s = retry_after_s(wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE:
		return write_body(post, wsi);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
		return pull(wsi);
	case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
		return actr__buf_append(&post->response, in, size) < 0 ? -1 : 0;
	case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
		post->complete = true;
		return -1;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		on_connection_error(post, wsi, in);
		return 0;
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		post_end(post, NULL);
		return 0;
	default:
		return 0;
	}
}

static void on_failed(struct dial *dial, const actr_error *why)
{
	post_end(dial->user, why);
}

static void on_wsi(struct dial *dial, struct lws *wsi)
{
	struct http_post *post = dial->user;

	post->wsi = wsi;
}

static int post_fill(struct http_post *post, const struct dial_target *target, actr_bytes body,
		     unsigned timeout_ms, actr_error *err)
{
	post->body = actr__alloc(LWS_PRE + body.size + 1);
	if (!post->body)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot post %zu bytes", body.size);
	if (body.size)
		memcpy(post->body + LWS_PRE, body.data, body.size);
	post->size = body.size;
	ACTR_TRY(dial_new(post->context, target, &post->dial, err));
	post->dial->method = "POST";
	post->dial->protocol = "actr-http";
	post->dial->user = post;
	post->dial->on_failed = on_failed;
	post->dial->on_wsi = on_wsi;
	if (actr__timer_set(post->context->loop, &post->timer,
			    timeout_ms ? timeout_ms : POST_TIMEOUT_MS) < 0)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot post %zu bytes", body.size);
	return 0;
}

static struct http_post *post_new(struct actr__ws_context *context, const char *content_type)
{
	struct http_post *post = actr__new0(struct http_post);

	if (!post)
		return NULL;
	post->context = context;
	actr__buf_init(&post->response, HTTP_RESPONSE_MAX);
	actr__timer_init(&post->timer, on_timer);
	snprintf(post->content_type, sizeof post->content_type, "%s", content_type);
	actr__list_push(&context->posts, &post->link);
	return post;
}

int actr__http_post(struct actr__ws_context *context, const char *url, const char *content_type,
		    actr_bytes body, unsigned timeout_ms,
		    void (*on_done)(void *user, const struct actr__http_answer *answer), void *user,
		    actr_error *err)
{
	struct dial_target target;
	struct http_post *post;
	int rc = dial_parse(url, "http", &target, err);

	if (rc < 0)
		return rc;
	post = post_new(context, content_type);
	if (!post)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot post to %s", target.host);
	rc = post_fill(post, &target, body, timeout_ms, err);
	if (rc < 0) {
		actr__list_remove(&post->link);
		dial_free(post->dial);
		actr__free(post->body);
		actr__free(post);
		return rc;
	}
	post->on_done = on_done;
	post->user = user;
	return 0;
}
