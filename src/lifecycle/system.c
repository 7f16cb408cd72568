/*
 * A system: a configuration and a share of the process's runtime. Nodes hold a reference.
 */
#include "lifecycle/lifecycle_internal.h"

int actr_system_new(const actr_config *config, actr_system **ret_system, actr_error *err)
{
	actr_system *system;
	int rc;

	if (!config || !ret_system || config->size < sizeof config->size)
		return ACTR_FAIL(err, ACTR_E_INVALID_ARGUMENT,
				 "a system needs a config made with ACTR_CONFIG_INIT");
	if (!config->signaling_url)
		return ACTR_FAIL(err, ACTR_E_CONFIG,
				 "system.signaling.url is not set: expected "
				 "ws://host:port/signaling/ws");
	system = actr__new0(actr_system);
	if (!system)
		return ACTR_FAIL(err, ACTR_E_NOMEM, "cannot make a system");
	atomic_init(&system->refs, 1);
	/* Fields that the program's headers did not have yet keep their default, 0. */
	memcpy(&system->config, config,
	       config->size < sizeof system->config ? config->size : sizeof system->config);
	rc = actr__webrtc_check_public_address(system->config.public_address, err);
	if (rc == 0)
		rc = runtime_acquire(&system->runtime, err);
	if (rc < 0) {
		actr__free(system);
		return rc;
	}
	if (system->config.spin_us)
		actr__loop_set_spin(system->runtime->loop, system->config.spin_us);
	*ret_system = system;
	return 0;
}

actr_system *system_ref(actr_system *system)
{
	atomic_fetch_add_explicit(&system->refs, 1, memory_order_relaxed);
	return system;
}

actr_system *actr_system_unref(actr_system *system)
{
	if (system && atomic_fetch_sub_explicit(&system->refs, 1, memory_order_acq_rel) == 1) {
		runtime_release(system->runtime);
		if (system->free_config)
			system->free_config(system->given_config);
		actr__free(system);
	}
	return NULL;
}

void actr_system_give_config(actr_system *system, actr_config *config,
			     actr_config *(*free_config)(actr_config *config))
{
	system->given_config = config;
	system->free_config = free_config;
}
