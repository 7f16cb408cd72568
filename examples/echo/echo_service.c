/* An actor that answers what it is sent: echo_service Actr.toml */
#include <stdio.h>

#include "echo.actr.h"

static int on_echo(void *self, actr_ctx *ctx, const Echo__EchoRequest *req, actr_reply *reply)
{
	Echo__EchoResponse resp = ECHO__ECHO_RESPONSE__INIT;

	(void)self;
	(void)ctx;
	resp.data = req->data; /* borrowed: the request lives until it is answered */
	return echo_service_echo_reply(reply, &resp);
}

static const echo_service_ops ops = {.size = sizeof ops, .echo = on_echo};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: echo_service CONFIG\n", stderr);
		return 2;
	}
	return actr_serve(argv[1], &echo_service, &ops, NULL);
}
