/* See users.h. Called by gateway_main.c before anything is started. */
#include "gateway/users.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "gateway/core/caps.h"
#include "gateway/core/log.h"
#include "gateway/core/str.h"

enum { USERS = 3, DIGITS_MAX = 9 };

/* One number from 1 to 999,999,999; *text moves behind it. */
static bool take_number(const char **text, uid_t *out)
{
    size_t n = strspn(*text, "0123456789");
    uid_t number = 0;

    for (size_t i = 0; n <= DIGITS_MAX && i < n; i++)
        number = number * 10 + (uid_t)((*text)[i] - '0');
    *text += n;
    *out = number;
    return number != 0;
}

bool users_parse(const char *text, struct users *out, struct err *e)
{
    uid_t all[USERS];
    const char *at = text;

    for (int i = 0; i < USERS; i++)
        if (!take_number(&at, &all[i]) || *at++ != (i < USERS - 1 ? ':' : '\0'))
            return err_set(e, "BadOption", "--users",
                           "--users takes three user ids such as 65101:65111:65121, of the parent, "
                           "the follower and the proxy, not \"%s\"",
                           text);
    if (all[0] == all[1] || all[1] == all[2] || all[0] == all[2])
        return err_set(e, "BadOption", "--users", "--users takes three different ids, not \"%s\"",
                       text);
    *out = (struct users){.apart = true, .parent = all[0], .follower = all[1], .proxy = all[2]};
    return true;
}

bool users_choose(const char *text, struct users *out, struct err *e)
{
    *out = (struct users){.apart = false};
    if (text != NULL && !users_parse(text, out, e))
        return false;
    if (out->apart && !caps_can_change_ids()) {
        out->apart = false;
        log_warn("--users cannot be had (that needs root with SETUID and SETGID): parent, follower "
                 "and proxy all run as user %u",
                 geteuid());
    } else if (!out->apart) {
        log_warn(
            "parent, follower and proxy all run as user %u; root with --users keeps them apart",
            geteuid());
    }
    return true;
}
