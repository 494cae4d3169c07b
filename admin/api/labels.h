/* The labels of a document, "metadata":{"labels":{…}}, that lists and prunes select by. Pure. */
#ifndef ADMIN_API_LABELS_H
#define ADMIN_API_LABELS_H

#include "admin/api/selector.h"

/* Does a document of this value have what the selector asks for? */
MUST_USE bool labels_selected(const struct selector *s, const char *value);

#endif
