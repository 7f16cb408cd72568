/*
 * Configuration of a node: filled in C, or loaded from Actr.toml by libactr-config
 * (reference.md 8.1). All strings are the owner's and must outlive the system made with them.
 */
#ifndef ACTR_CONFIG_H
#define ACTR_CONFIG_H

#include <actr/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One exported .proto file with its content (reference.md 8.2). */
typedef struct actr_config_file {
	const char *path; /* as given, made relative to the working directory */
	const char *content;
} actr_config_file;

typedef struct actr_config_dependency {
	const char *alias;
	const char *actr_type;	 /* `manufacturer:name` or `name`; the alias when not given */
	uint32_t realm;		 /* the node's own when not given */
	const char *fingerprint; /* or NULL */
} actr_config_dependency;

typedef struct actr_config_script {
	const char *name;
	const char *command;
} actr_config_script;

/* One line of the access list: who (NULL: anyone) may, or may not, call this actor. */
typedef struct actr_acl_rule {
	bool allow;
	bool any_realm; /* else `realm` */
	uint32_t realm;
	bool any_type; /* else `type` */
	actr_type type;
} actr_acl_rule;

typedef struct actr_ice_server {
	const char *url; /* stun:host:port, turn:host:port?transport=udp|tcp */
	const char *username;
	const char *credential;
} actr_ice_server;

typedef enum actr_durability {
	ACTR_DURABILITY_FULL = 0,  /* synced before it is accepted */
	ACTR_DURABILITY_NORMAL = 1 /* survives a crash of the process, not of the machine */
} actr_durability;

/* Zero or NULL means "the default" everywhere. */
typedef struct actr_config {
	size_t size; /* sizeof(actr_config) of the program's headers */

	/* [package] */
	const char *package_name;
	const char *package_manufacturer;
	const char *package_type;
	const char *package_description;
	const char *package_license;
	const char *const *package_authors;
	size_t package_author_count;
	const char *const *package_tags;
	size_t package_tag_count;

	const actr_config_file *exports;
	size_t export_count;
	const actr_config_dependency *dependencies;
	size_t dependency_count;
	const actr_config_script *scripts;
	size_t script_count;

	/* [acl]: has_acl without rules denies everybody. */
	bool has_acl;
	const actr_acl_rule *acl_rules;
	size_t acl_rule_count;

	/* [system.signaling] */
	const char *signaling_url; /* ws://host:port/signaling/ws; required */
	const char *signaling_ca_file;

	/* [system.deployment] */
	uint32_t realm;

	/* [system.discovery] */
	bool discovery_hidden; /* visible = false */

	/* [system.storage] mailbox_path, [system.mailbox] */
	const char *mailbox_path; /* NULL: in memory */
	actr_durability mailbox_durability;
	uint32_t mailbox_max_messages;	 /* 100,000 */
	uint64_t mailbox_max_bytes;	 /* 256 MiB */
	uint32_t mailbox_sender_percent; /* 10: share of one sender once it is 80 % full */
	uint32_t mailbox_max_attempts;	 /* 5 */
	uint64_t dlq_max_bytes;		 /* 64 MiB */

	/* [system.webrtc] */
	const actr_ice_server *ice_servers;
	size_t ice_server_count;
	bool relay_only;
	uint16_t port_min, port_max;
	bool no_data_socket; /* data_socket = false: stay on libnice's own data path */
	uint32_t max_peers;  /* 1,024 */

	/* [system.observability] */
	const char *log_filter; /* "info" */
	bool tracing_enabled;
	const char *tracing_endpoint;	  /* OTLP/HTTP, e.g. http://localhost:4318 */
	const char *tracing_service_name; /* package_name */
	double tracing_sample_ratio;	  /* of the traces that begin here: 1; negative: none */

	/* [system.loop] */
	uint32_t spin_us; /* busy wait for this long after an event before sleeping; 0: none */

	/* [system.websocket]: where peers come that WebRTC does not bring here */
	const char *websocket_listen;	 /* numeric host:port; NULL: nowhere */
	const char *websocket_url;	 /* that peers are told; NULL: what follows from listen */
	const char *websocket_cert_file; /* PEM; required unless listen is loopback */
	const char *websocket_key_file;
	uint32_t websocket_after_ms; /* that WebRTC has for itself first: 3,000 */

	/* [system.webrtc]: of a host behind a 1:1 NAT, "PUBLIC" or "PUBLIC/LOCAL"; NULL: by STUN
	 * only */
	const char *public_address;
} actr_config;

#define ACTR_CONFIG_INIT ACTR_SIZED_INIT(actr_config)

/*
 * Load a file with its parents (libactr-config). The result and all its strings are one block:
 * actr_config_free(). Errors (ACTR_E_CONFIG) name file, line, key and what was expected. Any
 * thread; blocking file access.
 */
ACTR_API int actr_config_load(const char *path, actr_config **ret_config, actr_error *err);
/* NULL is fine; returns NULL. */
ACTR_API actr_config *actr_config_free(actr_config *config);

#ifdef __cplusplus
}
#endif
#endif
