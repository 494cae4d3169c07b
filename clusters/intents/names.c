/* Names and hosts compared: patterns of services, claims of tenants, objects in a table. */
#include <string.h>

#include "clusters/intents/intents.h"
#include "gateway/core/check.h"

char *intent_table_name(const char *tenant, const char *name)
{
    return xasprintf("%s/%s", tenant, name);
}

/* After a mismatch the last star takes one byte more; earlier ones need not change. */
bool intent_glob(const char *glob, const char *name)
{
    const char *star = NULL;
    const char *resume = NULL;

    while (*name != '\0') {
        if (*glob == '*') {
            star = glob++;
            resume = name;
        } else if (*glob == *name) {
            glob++;
            name++;
        } else if (star != NULL) {
            glob = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

bool intent_host_covered(const char *claim, const char *host)
{
    size_t suffix = strlen(claim) - 1; /* ".shop.example" of "*.shop.example" */
    size_t n = strlen(host);

    if (strcmp(claim, host) == 0 || strcmp(claim, "*") == 0)
        return true;
    return strncmp(claim, "*.", 2) == 0 && n > suffix && strcmp(host + n - suffix, claim + 1) == 0;
}
