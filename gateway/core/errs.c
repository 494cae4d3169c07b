/* A bounded list of errors. */
#include "gateway/core/errs.h"

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

size_t errs_kept(const struct errs *list)
{
    return list->num < ERRS_MAX ? list->num : ERRS_MAX;
}
