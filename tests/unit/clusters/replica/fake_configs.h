/*
 * A Docker that keeps config objects as Swarm does (names once, versions that grow, labels by
 * compare-and-swap), and has the faults that a test asks for. Included by tests only, behind
 * cmocka's own includes.
 */
#ifndef TESTS_UNIT_CLUSTERS_REPLICA_FAKE_CONFIGS_H
#define TESTS_UNIT_CLUSTERS_REPLICA_FAKE_CONFIGS_H

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "gateway/core/buf.h"
#include "tests/unit/fake_http.h"

enum { CONFIGS_MAX = 80 };

enum fault { NO_FAULT, LOSES_REPLY, ERRS, BREAKS_OFF, HANGS, FAULT__COUNT };

struct config {
    char name[80];
    char *labels; /* JSON */
    char *data;
    unsigned version;
};

struct world {
    struct event_base *base;
    struct fake fake;
    struct config configs[CONFIGS_MAX];
    size_t num, most;
    unsigned version;
    int num_calls; /* but GET /version */
    int fault_at;  /* which of them has the fault; 0: none */
    enum fault fault;
    bool away;          /* all have it */
    const char *hidden; /* a name that lists lack, */
    int num_hidden;     /* so many times */
    bool no_removals;
};

static inline struct config *find(struct world *w, const char *name)
{
    for (size_t i = 0; i < w->num; i++)
        if (strcmp(w->configs[i].name, name) == 0)
            return &w->configs[i];
    return NULL;
}

static inline void erase(struct world *w, struct config *c)
{
    free(c->labels);
    free(c->data);
    *c = w->configs[--w->num];
}

static inline char *labels_of(const cJSON *spec)
{
    return cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(spec, "Labels"));
}

static inline int do_create(struct world *w, const char *body, char **reply)
{
    cJSON *spec = cJSON_Parse(body);
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "Name"));
    const char *data = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(spec, "Data"));
    int status = 201;

    assert_true(name && data && *data && strlen(name) <= 64 && strlen(data) < 1365332);
    *reply = xasprintf("{\"ID\":\"id\"}");
    if (find(w, name)) {
        free(*reply);
        *reply =
            xasprintf("{\"message\":\"rpc error: code = AlreadyExists desc = config %s already "
                      "exists\"}",
                      name);
        status = 409;
    } else {
        assert_true(w->num < CONFIGS_MAX);
        struct config *c = &w->configs[w->num++];

        (void)snprintf(c->name, sizeof(c->name), "%s", name);
        c->labels = labels_of(spec);
        c->data = xstrdup(data);
        c->version = ++w->version;
        w->most = w->num > w->most ? w->num : w->most;
    }
    cJSON_Delete(spec);
    return status;
}

static inline int not_found(char **reply)
{
    *reply = xasprintf("{\"message\":\"rpc error: code = NotFound desc = config not found\"}");
    return 404;
}

static inline int do_update(struct world *w, char *path, const char *body, char **reply)
{
    char *end = strstr(path, "/update?version=");
    unsigned version = (unsigned)strtoul(end + strlen("/update?version="), NULL, 10);
    cJSON *spec = cJSON_Parse(body);
    struct config *c;
    int status = 200;

    *end = '\0';
    c = find(w, path);
    *reply = xstrdup("");
    if (!c) {
        free(*reply);
        status = not_found(reply);
    } else if (c->version != version) {
        free(*reply);
        *reply = xasprintf("{\"message\":\"rpc error: code = Unknown desc = update out of "
                           "sequence\"}");
        status = 500;
    } else {
        free(c->labels);
        c->labels = labels_of(spec);
        c->version = ++w->version;
    }
    cJSON_Delete(spec);
    return status;
}

static inline char *show(const struct config *c)
{
    return xasprintf("{\"ID\":\"id\",\"Version\":{\"Index\":%u},\"Spec\":{\"Name\":\"%s\","
                     "\"Labels\":%s,\"Data\":\"%s\"}}",
                     c->version, c->name, c->labels, c->data);
}

static inline int do_list(struct world *w, char **reply)
{
    struct buf b;
    bool fits = true;

    buf_init(&b, 100 << 20);
    for (size_t i = 0; i < w->num; i++) {
        char *one = show(&w->configs[i]);

        if (!w->num_hidden || strcmp(w->configs[i].name, w->hidden) != 0)
            fits = fits && buf_add_fmt(&b, "%s%s", b.len ? "," : "[", one);
        free(one);
    }
    assert_true(fits && buf_add_str(&b, b.len ? STR("]") : STR("[]")));
    w->num_hidden -= w->num_hidden > 0;
    *reply = buf_take(&b);
    return 200;
}

static inline int carry_out(struct world *w, const char *method, char *path, const char *body,
                            char **reply)
{
    struct config *c;

    if (strcmp(method, "POST") == 0)
        return strcmp(path, "create") == 0 ? do_create(w, body, reply)
                                           : do_update(w, path, body, reply);
    if (path[0] == '\0')
        return do_list(w, reply);
    c = find(w, path);
    if (!c)
        return not_found(reply);
    if (strcmp(method, "GET") == 0) {
        *reply = show(c);
        return 200;
    }
    assert_string_equal(method, "DELETE");
    assert_false(w->no_removals);
    erase(w, c);
    *reply = xstrdup("");
    return 204;
}

static inline void answer_config(struct world *w, struct fake_conn *c, const char *method,
                                 char *path, const char *body)
{
    enum fault fault = ++w->num_calls == w->fault_at || w->away ? w->fault : NO_FAULT;
    char *reply = NULL;
    int status;

    if (fault == HANGS)
        return;
    if (fault == ERRS) {
        fake_reply(c, 503, "{\"message\":\"rpc error: context deadline exceeded\"}");
        return;
    }
    if (fault == BREAKS_OFF) {
        fake_close(c);
        return;
    }
    status = carry_out(w, method, path, body, &reply);
    if (fault == LOSES_REPLY)
        fake_close(c);
    else if (status == 204)
        fake_send(c, "HTTP/1.1 204 X\r\n\r\n");
    else
        fake_reply(c, status, reply);
    free(reply);
}

static inline void answer(struct fake_conn *c, const char *method, const char *target,
                          const char *body)
{
    struct world *w = c->fake->arg;
    const char *rest = strstr(target, "/configs");
    char *path;

    if (strcmp(target, "/version") == 0) {
        if (w->away && w->fault == HANGS)
            return;
        fake_reply(c, 200, "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
        return;
    }
    assert_non_null(rest);
    rest += strlen("/configs");
    path = xstrdup(rest[0] == '/' ? rest + 1 : "");
    if (rest[0] == '?')
        assert_non_null(strstr(rest, "%22signalbox-%22"));
    answer_config(w, c, method, path, body);
    free(path);
}

static inline int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->base = event_base_new();
    w->fake.answer = answer;
    w->fake.arg = w;
    fake_start(&w->fake, w->base);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;

    fake_stop(&w->fake);
    event_base_free(w->base);
    while (w->num)
        erase(w, &w->configs[0]);
    free(w);
    return 0;
}

#endif
