/* Inside clusters/swarm only: what every decoder of an object of Docker asks of its fields. */
#ifndef CLUSTERS_SWARM_DECODE_PRIV_H
#define CLUSTERS_SWARM_DECODE_PRIV_H

#include "clusters/swarm/decode.h"
#include "gateway/wire/json.h"

enum { DECODE_ID_MAX = 71 }; /* bytes of an id */

/* One object: nobody's service is larger than what raft takes in one entry (1.5 MB). */
extern const struct json_limits decode_limits;

/* Ids go into file names, URLs and log lines of others: only plain ones come in. */
bool decode_is_plain(struct str id);

/* A member that has to be there, and not to be empty; an id has to be plain. Lent by o. */
MUST_USE bool decode_need_str(const struct cJSON *o, const char *key, const char **out,
                              struct err *e);
MUST_USE bool decode_need_id(const struct cJSON *o, const char *key, const char **out,
                             struct err *e);

#endif
