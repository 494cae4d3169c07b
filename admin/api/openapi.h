/* The admin API in the words of OpenAPI 3.1, made from surface.h, schemas.h and intents.h. Pure. */
#ifndef ADMIN_API_OPENAPI_H
#define ADMIN_API_OPENAPI_H

#include <stdbool.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"

/* Appends one JSON object; false: out is full. */
MUST_USE bool openapi_write(struct buf *out);

#endif
