/*
 * The shape of certificates: names of secrets, never their bytes. Judged in full, then refused:
 * this build has no TLS.
 */
#include <cjson/cJSON.h>

#include "gateway/wire/objects_priv.h"

static const struct field certificate_fields[] = {
    {.name = "tenant", TEXT(0, SHAPE_TEXT_MAX, NULL), SERVED, UNSET("\"\"")},
    {.name = "hosts",
     TEXTS(1, ROUTE_HOSTS_MAX, ROUTE_HOST_MAX + 3, text_host_pattern),
     NEEDED,
     SERVED,
     ABOUT("made canonical; the star of `\"*.shop.example\"` is one label here, as in "
           "certificates; `\"*\"`: any other host")},
    {.name = "cert",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     NEEDED,
     SERVED,
     ABOUT("name of the secret with the chain")},
    {.name = "key",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     NEEDED,
     SERVED,
     ABOUT("name of the secret with its key")},
    {.name = "ca",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     SERVED,
     ABOUT("name of the secret with the CA, when the chain does not have it")},
};

const struct shape shape_certificate = {
    .title = "certificate",
    .about =
        "Not built yet: such an object is refused as `Unsupported` when it is right otherwise.",
    FIELDS(certificate_fields)};

bool objects_certificate(const struct cJSON *value, struct err *e)
{
    if (!shape_read(&shape_certificate, value, NULL, e))
        return false;
    return err_set(e, "Unsupported", "", "certificates are not built yet");
}
