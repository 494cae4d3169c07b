/* What a dry run says of routes that nothing reaches; for the files that show writes. */
#ifndef ADMIN_API_EXPLAIN_H
#define ADMIN_API_EXPLAIN_H

struct answer;
struct api;
struct plan_delta;

/* ",\"unreachable\":[…]": the routes that no request would reach if the delta were in force; a
 * tenant ("": all) is shown its own. */
void explain_print_unreachable(struct answer *out, const struct api *api,
                               const struct plan_delta *delta, const char *tenant);

#endif
