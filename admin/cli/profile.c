/*
 * Profiles. The file is small and its form fixed: sections, "key = value", comments that begin with
 * "#" or ";". Nothing is expanded and nothing is written.
 */
#include "admin/cli/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/wire/json.h"

enum { PROFILE_FILE_MAX = 64 << 10, TOKEN_FILE_MAX = 4096 };

static void replace(char **at, char *with)
{
    free(*at);
    *at = with;
}

void profile_free(struct profile *p)
{
    char **all[] = {&p->url, &p->token, &p->token_file, &p->tenant, &p->cluster};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        replace(all[i], NULL);
}

static bool set_key(struct profile *p, struct str key, struct str value, unsigned line,
                    struct err *e)
{
    static const char *const names[] = {"url", "token", "token_file", "tenant", "cluster", NULL};
    char **at[] = {&p->url, &p->token, &p->token_file, &p->tenant, &p->cluster};
    const char *near;
    char *shown;

    for (size_t i = 0; names[i] != NULL; i++) {
        if (!str_eq(key, str_from(names[i])))
            continue;
        replace(at[i], str_dup(value));
        return true;
    }
    shown = str_dup(key);
    near = json_nearest(shown, names);
    err_set(e, "BadProfile", "", "line %u: there is no \"%s\" in a profile%s%s", line, shown,
            near != NULL ? "; the nearest is " : "", near != NULL ? near : "");
    free(shown);
    return false;
}

static bool parse_line(struct str text, const char *name, unsigned line, bool *in_section,
                       struct profile *out, struct err *e)
{
    struct str rest = text;
    struct str key;

    if (text.n == 0 || text.p[0] == '#' || text.p[0] == ';')
        return true;
    if (text.p[0] == '[' && text.p[text.n - 1] == ']') {
        *in_section = str_eq((struct str){text.p + 1, text.n - 2}, str_from(name));
        return true;
    }
    if (!str_split(&rest, '=', &key) || rest.p == NULL)
        return err_set(e, "BadProfile", "", "line %u: write \"key = value\" or \"[section]\"",
                       line);
    if (!*in_section)
        return true;
    return set_key(out, str_trim(key), str_trim(rest), line, e);
}

bool profile_parse(struct str text, const char *name, struct profile *out, bool *out_found,
                   struct err *e)
{
    struct str rest = text;
    bool in_section = false;
    struct str row;

    *out_found = false;
    for (unsigned line = 1; str_split(&rest, '\n', &row); line++) {
        if (row.n > 0 && row.p[row.n - 1] == '\r')
            row.n--;
        if (!parse_line(str_trim(row), name, line, &in_section, out, e))
            return false;
        *out_found |= in_section;
    }
    return true;
}

static bool read_open(int fd, const char *path, struct buf *out, struct err *e)
{
    char part[4096];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) > 0)
        if (!buf_add(out, part, (size_t)n))
            return err_set(e, "BadFile", path, "%s is too long: at most %zu bytes", path,
                           out->hard_cap);
    return n == 0 || err_set_errno(e, "BadFile", path, "cannot read %s", path);
}

/* *out_loose: others may read it. False with errno ENOENT kept when it is not there. */
static bool read_file(const char *path, struct buf *out, bool *out_loose, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool ok;

    if (fd < 0)
        return err_set_errno(e, "BadFile", path, "cannot open %s", path);
    ok = fstat(fd, &st) == 0 ? S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) ||
                                   err_set(e, "BadFile", path, "%s is no file", path)
                             : err_set_errno(e, "BadFile", path, "cannot read %s", path);
    *out_loose = ok && S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
    ok = ok && read_open(fd, path, out, e);
    fd_close(&fd);
    return ok;
}

static bool refuse_loose(const char *path, struct err *e)
{
    return err_set(e, "LooseFile", path, "others can read the token in %s; run: chmod 600 %s", path,
                   path);
}

/* NULL: no home, no file. free() */
static char *config_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    if (config != NULL && config[0] == '/')
        return xasprintf("%s/signalbox/config", config);
    return home != NULL && home[0] == '/' ? xasprintf("%s/.config/signalbox/config", home) : NULL;
}

static bool parse_file(const char *path, const char *name, bool loose, struct str text,
                       struct profile *out, struct err *e)
{
    struct err why;
    bool found;

    if (!profile_parse(text, name != NULL ? name : "default", out, &found, &why))
        return err_set(e, why.code, path, "%s, %s", path, why.text);
    if (out->token != NULL && loose)
        return refuse_loose(path, e);
    return found || name == NULL ||
           err_set(e, "BadProfile", path, "%s has no profile [%s]", path, name);
}

static bool load_file(const char *name, struct profile *out, struct err *e)
{
    char *path = config_path();
    bool loose = false;
    struct buf text;
    bool ok;

    buf_init(&text, PROFILE_FILE_MAX);
    ok = path != NULL && read_file(path, &text, &loose, e);
    if (ok)
        ok = parse_file(path, name, loose, buf_str(&text), out, e);
    else if (path == NULL || errno == ENOENT)
        ok = name == NULL || err_set(e, "BadProfile", "", "there is no profile \"%s\": no file %s",
                                     name, path != NULL ? path : "~/.config/signalbox/config");
    buf_free(&text);
    free(path);
    return ok;
}

static void override(char **at, const char *env, const char *flag)
{
    const char *value = flag != NULL ? flag : env != NULL ? getenv(env) : NULL;

    if (value != NULL && value[0] != '\0')
        replace(at, xstrdup(value));
}

/* A token of the environment is asked for before the profile's file, one of a flag before both. */
static void override_token(struct profile *p, const char *flag)
{
    const char *token = getenv("SIGNALBOX_TOKEN");
    const char *file = getenv("SIGNALBOX_TOKEN_FILE");

    if (flag == NULL && token != NULL && token[0] != '\0') {
        replace(&p->token, xstrdup(token));
        replace(&p->token_file, NULL);
    } else if (flag != NULL || (file != NULL && file[0] != '\0')) {
        replace(&p->token_file, xstrdup(flag != NULL ? flag : file));
        replace(&p->token, NULL);
    }
}

/* The first word of the file: "token bootstrap" writes a line, "token cluster" two words. */
static bool load_token(struct profile *p, struct err *e)
{
    struct buf text;
    bool loose = false;
    bool ok;

    if (p->token != NULL || p->token_file == NULL)
        return true;
    buf_init(&text, TOKEN_FILE_MAX);
    ok = read_file(p->token_file, &text, &loose, e) && (!loose || refuse_loose(p->token_file, e));
    if (ok) {
        size_t n = strcspn(text.bytes != NULL ? text.bytes : "", " \t\r\n");

        ok = n > 0 || err_set(e, "BadFile", p->token_file, "%s is empty", p->token_file);
        replace(&p->token, str_dup((struct str){text.bytes, n}));
    }
    buf_free(&text);
    return ok;
}

/* It becomes a header's value (RFC 6750 section 2.1). */
static bool check_token(const struct profile *p, struct err *e)
{
    if (p->token == NULL || p->token[strspn(p->token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
                                                      "RSTUVWXYZ0123456789-._~+/=")] == '\0')
        return true;
    return err_set(e, "BadToken", "", "the token has characters in it that no token has");
}

bool profile_load(const struct profile_flags *flags, struct profile *out, struct err *e)
{
    const char *name = flags->name != NULL ? flags->name : getenv("SIGNALBOX_PROFILE");

    *out = (struct profile){.url = NULL};
    if (!load_file(name != NULL && name[0] != '\0' ? name : NULL, out, e))
        return false;
    override(&out->url, "SIGNALBOX_URL", flags->url);
    override(&out->tenant, "SIGNALBOX_TENANT", flags->tenant);
    override(&out->cluster, NULL, flags->cluster);
    override_token(out, flags->token_file);
    if (out->url == NULL)
        out->url = xstrdup(PROFILE_URL_DEFAULT);
    return load_token(out, e) && check_token(out, e);
}
