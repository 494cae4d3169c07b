/* A client connection that speaks HTTP/2 (h2_client.c); for the files of this folder. */
#ifndef GATEWAY_PROXY_H2_CLIENT_H
#define GATEWAY_PROXY_H2_CLIENT_H

#include "gateway/proxy/conn.h"

bool h2_client_begin(struct conn *c); /* its preface is in c->in. False: it is closed */
bool h2_client_step(struct conn *c);
void h2_client_drain(struct conn *c);
void h2_client_finish(struct conn *c); /* no new streams; those there are go on to their ends */
void h2_client_end(struct conn *c, enum close_reason why);  /* in order: GOAWAY, then LINGER */
void h2_client_free(struct conn *c, enum close_reason why); /* and its streams; none is fine */
void h2_client_tick(struct proxy *p, int64_t now_ms);

#endif
