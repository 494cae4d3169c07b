/*
 * Any bytes as labels of two services: compile must not crash, every object that it makes must be
 * taken by the gateway's own strict decoder, and what it tells people must be bounded and
 * printable.
 *
 * The input is lines "key=value" (key without the prefix; a line "--" begins the second service);
 * the byte 0x01 in it stands for a newline, which a label may hold.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/compile/compile.h"
#include "clusters/labels/labels.h"
#include "gateway/core/check.h"
#include "gateway/core/str.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LABELS_MAX = 64, NUM_SERVICES = 2 };

/* The fixed part of the swarm: two services on networks, a running task each. */
static struct view_network networks[] = {{"n1", "app", false}, {"n2", "back", false}};
static struct view_attachment attached[] = {{"n1", ""}, {"n2", ""}};
static struct view_attachment addresses[] = {{"n1", "10.0.1.5"}, {"n2", "10.0.2.5"}};
static struct view_task tasks[] = {
    {.id = "t1",
     .service_id = "s1",
     .node_id = "",
     .desired_running = true,
     .state = VIEW_TASK_RUNNING,
     .version = 1,
     .networks = addresses,
     .num_networks = 2},
    {.id = "t2",
     .service_id = "s2",
     .node_id = "",
     .desired_running = true,
     .state = VIEW_TASK_RUNNING,
     .version = 1,
     .networks = addresses,
     .num_networks = 1},
};

static void add_line(struct view_service *s, struct str line)
{
    const char *equals = memchr(line.p, '=', line.n);
    size_t key_len = equals != NULL ? (size_t)(equals - line.p) : line.n;
    size_t skip = equals != NULL ? key_len + 1 : key_len;
    struct view_label *l = &s->labels[s->num_labels];

    if (s->num_labels == LABELS_MAX)
        return;
    s->num_labels++;
    char *key = xmemdup0(line.p, key_len); /* up to a NUL, as a C string has it */

    l->key = xasprintf("%s%s", LABELS_PREFIX, key);
    l->value = xmemdup0(line.p + skip, line.n - skip);
    for (char *p = l->value; *p != '\0'; p++)
        *p = *p == '\x01' ? '\n' : *p;
    free(key);
}

static void read_services(struct view_service services[NUM_SERVICES], struct str text)
{
    size_t which = 0;
    struct str line;

    while (str_split(&text, '\n', &line)) {
        if (str_eq(line, STR("--")) && which + 1 < NUM_SERVICES)
            which++;
        else if (line.n > 0)
            add_line(&services[which], line);
    }
}

static void check_object(const struct compile_object *o)
{
    struct err e = {0};
    struct cJSON *json = json_parse(str_from(o->value), &json_limits_frame, &e);

    ASSERT(json != NULL);
    if (o->kind == ROUTE_KIND_ROUTE) {
        struct route *r = objects_route(json, &e);

        ASSERT(r != NULL);
        route_free(r);
    } else if (o->kind == ROUTE_KIND_POOL) {
        struct route_pool *p = objects_pool(json, &e);

        ASSERT(p != NULL);
        route_pool_free(p);
    } else {
        struct route_endpoints *p = objects_endpoints(json, &e);

        ASSERT(o->kind == ROUTE_KIND_ENDPOINTS && p != NULL);
        route_endpoints_free(p);
    }
    cJSON_Delete(json);
}

static void check_condition(const struct compile_condition *c)
{
    ASSERT(strlen(c->value) <= LABELS_SHOW_MAX && strlen(c->label) <= LABELS_SHOW_MAX);
    ASSERT(c->message[0] != '\0' && c->reason[0] != '\0');
    for (const char *p = c->value; *p != '\0'; p++)
        ASSERT(*p >= 0x20 && *p < 0x7f);
    for (const char *p = c->message; *p != '\0'; p++)
        ASSERT((unsigned char)*p >= 0x20);
}

static void check_result(const struct compile_result *r)
{
    for (size_t i = 0; i < r->num_clusters; i++)
        for (size_t k = 0; k < r->clusters[i].num_objects; k++)
            check_object(&r->clusters[i].objects[k]);
    for (size_t i = 0; i < r->num_services; i++) {
        ASSERT(r->services[i].num_conditions > 0);
        for (size_t k = 0; k < r->services[i].num_conditions; k++)
            check_condition(&r->services[i].conditions[k]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const clusters[] = {"east", "west"};
    struct view_label labels[NUM_SERVICES][LABELS_MAX];
    struct view_service services[NUM_SERVICES] = {
        {.id = "s1",
         .name = "one",
         .created_at = "1",
         .labels = labels[0],
         .networks = attached,
         .num_networks = 2},
        {.id = "s2",
         .name = "two",
         .created_at = "2",
         .labels = labels[1],
         .networks = attached,
         .num_networks = 1},
    };
    struct view view = {.services = services,
                        .num_services = NUM_SERVICES,
                        .tasks = tasks,
                        .num_tasks = 2,
                        .networks = networks,
                        .num_networks = 2};
    struct compile_input in = {&view, clusters, 2, "east"};
    char *text = xmemdup0(data, size);

    read_services(services, (struct str){text, size});
    struct compile_result *r = compile_run(&in);

    check_result(r);
    compile_free(r);
    for (size_t i = 0; i < NUM_SERVICES; i++) {
        for (size_t k = 0; k < services[i].num_labels; k++) {
            free(labels[i][k].key);
            free(labels[i][k].value);
        }
    }
    free(text);
    return 0;
}
