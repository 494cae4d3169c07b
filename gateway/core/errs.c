/* A bounded list of errors. */
#include "gateway/core/errs.h"

#include <string.h>

bool errs_add(struct errs *list, const struct err *e)
{
    if (list->num < ERRS_MAX)
        list->all[list->num] = *e;
    list->num++;
    return false;
}

bool errs_none(const struct errs *list)
{
    return list->num == 0;
}

bool errs_has(const struct errs *list, const char *code)
{
    for (size_t i = 0; i < errs_kept(list); i++)
        if (strcmp(list->all[i].code, code) == 0)
            return true;
    return false;
}

size_t errs_kept(const struct errs *list)
{
    return list->num < ERRS_MAX ? list->num : ERRS_MAX;
}
