/*
 * The context: libwebsockets on our libuv loop.
 *
 * Every event enters through a callback of libwebsockets, which libuv calls in its poll phase, or
 * through a deferred task or timer of ours; libwebsockets is never entered again from inside one of
 * its callbacks except by the calls that it allows there (write, callback_on_writable).
 *
 * Death: lws_context_destroy() on a foreign loop only begins: it closes libuv handles, whose close
 * callbacks need turns of the loop, and must then be called a second time (and see
 * guard_pipe()), unless libwebsockets did that itself and set context->lws to NULL. Name lookups
 * are awaited too. libwebsockets sets SIGPIPE to ignored in the process; TLS sockets need that.
 */
#include "wire/websocket/websocket_internal.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <unistd.h>
#include <uv.h>

static const struct lws_protocols client_protocols[] = {
	{.name = "actr-ws", .callback = ws_client_callback, .rx_buffer_size = WS_RX_CHUNK},
	{.name = "actr-http", .callback = http_post_callback, .rx_buffer_size = WS_RX_CHUNK},
	{.name = NULL},
};

static void on_log(int level, const char *line)
{
	(void)level;
	ACTR_DEBUG("websocket", "lws=%.*s", (int)strcspn(line, "\n"), line);
}

static struct lws_vhost *make_vhost(struct actr__ws_context *context, bool tls)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = client_protocols,
		.vhost_name = tls ? "client-tls" : "client",
		.client_ssl_ca_filepath = tls ? context->ca_file : NULL,
		.ssl_client_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1,
		.options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
	};

	return lws_create_vhost(context->lws, &info);
}

/* Reading what the system trusts takes some 20 ms and 3 MB: not before somebody dials wss or https. */
int ws_client_tls(struct actr__ws_context *context, actr_error *err)
{
	if (!context->client_tls)
		context->client_tls = make_vhost(context, true);
	return context->client_tls
		       ? 0
		       : ACTR_FAIL(err, ACTR_E_INTERNAL, "cannot set up TLS for clients");
}

static int make_client(struct actr__ws_context *context, const char *ca_file, actr_error *err)
{
	if (ca_file && access(ca_file, R_OK) < 0)
		return ACTR_FAIL_ERRNO(err, ACTR_E_CONFIG, errno, "cannot read CA file %s",
				       ca_file);
	if (ca_file && !(context->ca_file = actr__strdup(ca_file)))
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot copy a name");
	context->client = make_vhost(context, false);
	if (!context->client)
		return ACTR_FAIL(err, ACTR_E_INTERNAL, "cannot make a client");
	return 0;
}

/* A new context adds one poll handle, the newest: its pipe. */
static void look_for_pipe(uv_handle_t *handle, void *found)
{
	uv_os_fd_t fd;

	if (handle->type == UV_POLL && !uv_fileno(handle, &fd))
		*(int *)found = fd;
}

/*
 * libwebsockets 4.1 asks OpenSSL for new indices in every context that it initialises TLS for, and
 * then no longer finds what it stored under the old ones: with two contexts the first one's trust
 * store would leak. So only the first of the process does it; the vhosts of all use TLS.
 */
static atomic_flag tls_ready = ATOMIC_FLAG_INIT;

static int make_lws(struct actr__ws_context *context, actr_error *err)
{
	void *loops[1] = {actr__loop_uv(context->loop)};
	bool first;
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.foreign_loops = loops,
		.pcontext = &context->lws,
		.user = context,
		.timeout_secs = WS_HEADER_SECS,
		.pt_serv_buf_size = 32 * 1024,
		.max_http_header_data = 8 * 1024,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	};

	if (!loops[0])
		return ACTR_FAIL(err, ACTR_E_UNIMPLEMENTED, "no sockets on a virtual loop");
	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	first = !atomic_flag_test_and_set(&tls_ready);
	if (first)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	context->lws = lws_create_context(&info);
	if (!context->lws && first)
		atomic_flag_clear(&tls_ready);
	if (!context->lws)
		return ACTR_FAIL(err, ACTR_E_INTERNAL,
				 "cannot start libwebsockets: is its libuv plugin "
				 "(libwebsockets-evlib-uv) installed?");
	uv_walk(loops[0], look_for_pipe, &context->pipe_fd);
	return 0;
}

int actr__ws_context_new(struct actr__loop *loop, const struct actr__ws_context_options *options,
			 struct actr__ws_context **ret_context, actr_error *err)
{
	struct actr__ws_context *context = actr__new0(struct actr__ws_context);
	int rc;

	if (!context)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a WebSocket context");
	context->loop = loop;
	context->pipe_fd = -1;
	actr__list_init(&context->sockets);
	actr__list_init(&context->servers);
	actr__list_init(&context->posts);
	rc = make_lws(context, err);
	if (rc >= 0)
		rc = make_client(context, options ? options->ca_file : NULL, err);
	if (rc < 0) {
		actr__ws_context_free(context);
		return rc;
	}
	*ret_context = context;
	return 0;
}

static void free_what_is_left(struct actr__ws_context *context)
{
	struct actr__list *link;

	http_post_free_all(context);
	while (!actr__list_empty(&context->sockets))
		ws_finish(container_of(context->sockets.next, struct actr__ws, link), false);
	while ((link = actr__list_pop(&context->servers)))
		ws_server_free(container_of(link, struct actr__ws_server, link));
}

static void look_for_closing(uv_handle_t *handle, void *found)
{
	*(bool *)found |= uv_is_closing(handle) != 0;
}

/*
 * libwebsockets closes the descriptor of its pipe in the first destroy, and the same number again
 * when the loop has closed the handle. Another thread may have opened a file by that number in
 * between: so it is taken at once, for libwebsockets to close.
 */
static void guard_pipe(struct actr__ws_context *context)
{
	int wanted = context->pipe_fd;
	int held;

	context->pipe_fd = -1;
	if (wanted < 0)
		return;
	held = fcntl(uv_backend_fd(actr__loop_uv(context->loop)), F_DUPFD_CLOEXEC, wanted);
	if (held == wanted)
		return;
	ACTR_ERR(8, "websocket", "descriptor %d is closed by libwebsockets, but another's", wanted);
	if (held >= 0)
		(void)close(held);
}

static void destroy_lws(struct actr__ws_context *context)
{
	uv_loop_t *uv = actr__loop_uv(context->loop);
	bool closing = true;

	if (!context->lws)
		return;
	lws_context_destroy(context->lws);
	guard_pipe(context);
	while (closing) {
		uv_run(uv, UV_RUN_NOWAIT);
		closing = false;
		uv_walk(uv, look_for_closing, &closing);
	}
}

struct actr__ws_context *actr__ws_context_free(struct actr__ws_context *context)
{
	if (!context)
		return NULL;
	context->freeing = true;
	free_what_is_left(context);
	destroy_lws(context);
	destroy_lws(context);
	while (context->lookups)
		uv_run(actr__loop_uv(context->loop), UV_RUN_ONCE);
	actr__free(context->ca_file);
	actr__free(context);
	return NULL;
}
