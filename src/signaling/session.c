/*
 * What a registered node owes its server: a heartbeat with its load, and a credential that is good.
 *
 * A credential is renewed at about 60 % of its life. Its age is counted twice, by the loop's clock
 * and by the wall's, and the greater counts: the one stands still while a machine sleeps, the other
 * can be set back (defect 28). Its life is told in the server's time and measured against the
 * server's own time stamp, so that a wrong clock here does no harm.
 */
#include "signaling/signaling_internal.h"

#define INTERVAL_DEFAULT_MS 30000u
#define INTERVAL_MAX_MS	    60000u
/* Two heartbeats without a Pong: nobody is there. */
#define UNANSWERED_MAX	2u
#define LIFE_DEFAULT_MS 3600000
/* After a renewal that nobody answered. */
#define RENEW_RETRY_MS 30000

static uint64_t interval_ms(uint32_t seconds)
{
	uint64_t ms = (uint64_t)seconds * 1000;

	if (!ms)
		return INTERVAL_DEFAULT_MS;
	return ms < INTERVAL_MAX_MS ? ms : INTERVAL_MAX_MS;
}

void signaling_credential_clear(struct credential *credential)
{
	uint8_t *token = (uint8_t *)(uintptr_t)credential->token.data;

	if (token)
		actr__wipe(token, credential->token.size);
	actr__free(token);
	*credential = (struct credential){.key_id = 0};
}

static int64_t life_ms(const Actr__Timestamp *expires, int64_t server_ms)
{
	int64_t now = server_ms ? server_ms : actr__clock_wall_ms(), ends, life;

	if (!expires || __builtin_mul_overflow(expires->seconds, 1000, &ends) ||
	    __builtin_sub_overflow(ends, now, &life) || life <= 0)
		return LIFE_DEFAULT_MS;
	return life;
}

static int take_credential(struct actr__signaling *s, const Actr__RegisterResponse__RegisterOk *ok,
			   int64_t server_ms, actr_error *err)
{
	actr_bytes token = actr__pb_bytes(ok->credential->encrypted_token);
	struct credential credential = {
		.key_id = ok->credential->token_key_id,
		.got_at_ms = actr__loop_now_ms(s->loop),
		.got_at_wall_ms = actr__clock_wall_ms(),
		.life_ms = life_ms(ok->credential_expires_at, server_ms),
	};

	if (token.size) {
		credential.token = actr__bytes(actr__memdup(token.data, token.size), token.size);
		if (!credential.token.data)
			return ACTR_FAIL(err, ACTR_E_NOMEM, "no memory for the credential");
	}
	/* 55 % to 65 %: nodes that started together do not renew together. */
	credential.renew_after_ms =
		credential.life_ms / 100 * 55 + credential.life_ms / 1000 * actr__random_below(101);
	signaling_credential_clear(&s->credential);
	s->credential = credential;
	return 0;
}

int signaling_take_registration(struct actr__signaling *s,
				const Actr__RegisterResponse__RegisterOk *ok, int64_t server_ms,
				actr_id *ret_id, actr_error *err)
{
	ACTR_TRY(actr__pb_id_read(ok->actr_id, ret_id, err));
	if (!ok->credential)
		return ACTR_FAIL(err, ACTR_E_DECODE, "the registration has no credential");
	ACTR_TRY(take_credential(s, ok, server_ms, err));
	s->interval_ms = interval_ms(ok->signaling_heartbeat_interval_secs);
	s->can_resume = ok->has_resumes && ok->resumes;
	return 0;
}

/* Of the credential, by whichever clock went further. */
static int64_t age_ms(const struct actr__signaling *s)
{
	int64_t by_loop = (int64_t)(actr__loop_now_ms(s->loop) - s->credential.got_at_ms);
	int64_t by_wall = actr__clock_wall_ms() - s->credential.got_at_wall_ms;

	return by_loop > by_wall ? by_loop : by_wall;
}

static void arm_upkeep(struct actr__signaling *s)
{
	uint64_t now = actr__loop_now_ms(s->loop);
	int64_t ping = s->next_ping_ms > now ? (int64_t)(s->next_ping_ms - now) : 0;
	int64_t renew = s->credential.renew_after_ms - age_ms(s);
	int64_t expiry = s->credential.life_ms - age_ms(s);
	int64_t delay = renew < expiry ? renew : expiry;

	delay = delay < ping ? delay : ping;
	(void)actr__timer_set(s->loop, &s->timer,
			      delay > 0 ? (uint64_t)delay : 0); /* it is armed */
}

bool signaling_credential_is_good(const struct actr__signaling *s)
{
	return age_ms(s) < s->credential.life_ms;
}

void signaling_session_begin(struct actr__signaling *s)
{
	s->unanswered_pings = 0;
	s->next_ping_ms = actr__loop_now_ms(s->loop) + s->interval_ms;
	arm_upkeep(s);
}

static void renew(struct actr__signaling *s)
{
	s->credential.renew_after_ms = age_ms(s) + RENEW_RETRY_MS;
	(void)signaling_send_renewal(s, &s->renew_number); /* a failure breaks the socket */
}

static void ping(struct actr__signaling *s)
{
	s->next_ping_ms = actr__loop_now_ms(s->loop) + s->interval_ms;
	s->unanswered_pings++;
	(void)signaling_send_ping(s);
}

void signaling_upkeep(struct actr__signaling *s)
{
	actr_error why = ACTR_ERROR_INIT;

	if (age_ms(s) >= s->credential.life_ms) {
		(void)ACTR_FAIL(&why, ACTR_E_UNAUTHENTICATED, "the credential has expired");
		signaling_register_anew(s, &why);
		return;
	}
	if (actr__loop_now_ms(s->loop) >= s->next_ping_ms) {
		if (s->unanswered_pings >= UNANSWERED_MAX) {
			(void)ACTR_FAIL(&why, ACTR_E_UNAVAILABLE,
					"the signaling server did not answer %u heartbeats",
					s->unanswered_pings);
			signaling_fail_socket(s, &why);
			return;
		}
		ping(s);
	}
	if (age_ms(s) >= s->credential.renew_after_ms)
		renew(s);
	arm_upkeep(s);
}

void signaling_on_pong(struct actr__signaling *s, const Actr__Pong *pong)
{
	s->unanswered_pings = 0;
	if (pong->has_suggest_interval_secs && pong->suggest_interval_secs)
		s->interval_ms = interval_ms(pong->suggest_interval_secs);
}
