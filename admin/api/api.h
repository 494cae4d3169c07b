/*
 * The admin API on a listener of its own on the main loop: documents of tenants and clusters, what
 * became of them, and read-outs of what the coordinator knows. Tokens say who may what; surface.h
 * lists everything. Refusals are problem+json (RFC 9457) with every field at fault.
 */
#ifndef ADMIN_API_API_H
#define ADMIN_API_API_H

#include <stdint.h>

#include "gateway/core/err.h"

struct api;
struct auth;
struct coordinator;
struct event_base;

struct api_config {
    const char *listen; /* "0.0.0.0:7701"; port 0 takes a free one */
    struct coordinator *coordinator;
    struct auth *auth;
    bool durable; /* writes that say nothing of it are answered when they are in Swarm's store */
};

struct api *api_new(struct event_base *base, const struct api_config *config, struct err *e);
void api_free(struct api *a); /* before the coordinator and auth; NULL is fine */
uint16_t api_port(const struct api *a);

#endif
