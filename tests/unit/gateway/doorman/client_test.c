/* A doorman and gateways in one process and one loop: what a gateway notices, and what it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <unistd.h>

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/doorman/client.h"
#include "gateway/doorman/listener.h"
#include "gateway/doorman/server.h"

enum { SHARDS = 70 }; /* more than one message */

struct gateway {
    struct doorman_client *client;
    size_t num_added;
    size_t num_withdrawn;
    size_t num_lists;
    bool complete;
    bool serves;
};

struct scene {
    struct event_base *base;
    char dir[32];
    char path[48];
    struct listen_spec spec;
};

static void on_added(void *arg, const struct doorman_entry *entry, int fd)
{
    struct gateway *g = arg;

    assert_true(entry->name[0] != '\0' && entry->kind == DOORMAN_HTTP && listener_cookie(fd) != 0);
    g->num_added++;
}

static void on_withdrawn(void *arg, const char *name)
{
    struct gateway *g = arg;

    (void)name;
    g->num_withdrawn++;
}

static void on_listed(void *arg, size_t num, bool complete, bool changed)
{
    struct gateway *g = arg;

    (void)num;
    g->num_lists++;
    g->complete = complete;
    if (changed && g->serves)
        doorman_client_serving(g->client);
}

static const struct doorman_client_ops ops = {on_added, on_withdrawn, on_listed};

static void open_scene(struct scene *s)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char flag[64];

    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    snprintf(flag, sizeof(flag), "http=127.0.0.1:%u", ntohs(in.sin_port));
    assert_true(listen_spec_parse(str_from(flag), &s->spec, NULL));
    s->base = event_base_new();
    snprintf(s->dir, sizeof(s->dir), "/tmp/sb-client-test-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->path, sizeof(s->path), "%s/d", s->dir);
}

static void close_scene(struct scene *s)
{
    event_base_free(s->base);
    unlink(s->path);
    assert_int_equal(rmdir(s->dir), 0);
}

static void run_ms(struct scene *s, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L};

    event_base_loopexit(s->base, &tv);
    event_base_dispatch(s->base);
}

static struct server *new_server(struct scene *s, struct slots *slots, unsigned shards)
{
    struct server *server = NULL;
    struct err e = {0};

    slots_init(slots, &s->spec, 1, shards);
    assert_true(server_new(s->base, s->path, geteuid(), slots, &server, &e));
    return server;
}

static bool all_listen(const struct slots *slots)
{
    for (size_t i = 0; i < slots->num; i++)
        if (slots->all[i].fd < 0 || !listener_is_listening(slots->all[i].fd))
            return false;
    return true;
}

static void a_gateway_that_serves_opens_every_shard(void **state)
{
    struct scene s;
    struct slots slots;
    struct gateway idle = {0};
    struct gateway g = {.serves = true};

    (void)state;
    open_scene(&s);
    struct server *server = new_server(&s, &slots, SHARDS);

    idle.client = doorman_client_new(s.base, s.path, &ops, &idle);
    run_ms(&s, 100);
    assert_int_equal(idle.num_added, SHARDS);
    assert_true(idle.complete);
    assert_false(listener_is_listening(slots.all[0].fd));
    g.client = doorman_client_new(s.base, s.path, &ops, &g);
    run_ms(&s, 100);
    assert_true(all_listen(&slots));
    assert_true(doorman_client_connected(g.client) && doorman_client_complete(g.client));
    assert_int_equal(doorman_client_num_listeners(g.client), SHARDS);
    doorman_client_free(g.client);
    doorman_client_free(idle.client);
    server_free(server);
    slots_free(&slots);
    close_scene(&s);
}

static void the_death_of_a_doorman_is_not_noticed_and_its_sockets_come_back(void **state)
{
    struct scene s;
    struct slots first;
    struct slots second;
    struct gateway g = {.serves = true};
    uint64_t cookie;

    (void)state;
    open_scene(&s);
    struct server *server = new_server(&s, &first, SHARDS);

    g.client = doorman_client_new(s.base, s.path, &ops, &g);
    run_ms(&s, 100);
    cookie = listener_cookie(first.all[SHARDS - 1].fd);
    server_free(server);
    slots_free(&first);
    run_ms(&s, 100);
    assert_false(doorman_client_connected(g.client));
    server = new_server(&s, &second, SHARDS);
    assert_int_equal(slots_num_missing(&second), SHARDS);
    run_ms(&s, 700);
    assert_int_equal(slots_num_missing(&second), 0);
    assert_int_equal(listener_cookie(second.all[SHARDS - 1].fd), cookie);
    assert_int_equal(second.all[0].state, SLOT_OPEN); /* "serving" was repeated */
    assert_int_equal(g.num_added, SHARDS);
    assert_int_equal(g.num_withdrawn, 0);
    assert_int_equal(g.num_lists, 2);
    doorman_client_free(g.client);
    server_free(server);
    slots_free(&second);
    close_scene(&s);
}

static void sockets_that_are_not_the_doormans_any_more_are_exchanged(void **state)
{
    struct scene s;
    struct slots first;
    struct slots second;
    struct gateway g = {.serves = true};
    struct err e;

    (void)state;
    open_scene(&s);
    struct server *server = new_server(&s, &first, 2);

    g.client = doorman_client_new(s.base, s.path, &ops, &g);
    run_ms(&s, 100);
    for (int i = 0; i < 2; i++) { /* so that somebody else may bind the port: a stale gateway */
        int one = 1;

        listener_shut(first.all[i].fd);
        setsockopt(first.all[i].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    server_free(server);
    slots_free(&first);
    slots_init(&second, &s.spec, 1, 3);
    assert_true(slots_bind(&second, &e));
    assert_true(server_new(s.base, s.path, geteuid(), &second, &server, &e));
    run_ms(&s, 700);
    assert_int_equal(g.num_withdrawn, 2);
    assert_int_equal(g.num_added, 5);
    assert_true(all_listen(&second));
    doorman_client_free(g.client);
    server_free(server);
    slots_free(&second);
    close_scene(&s);
}

static void draining_is_remembered_and_can_be_taken_back(void **state)
{
    struct scene s;
    struct slots slots;
    struct gateway g = {.serves = true};

    (void)state;
    open_scene(&s);
    struct server *server = new_server(&s, &slots, 1);

    g.client = doorman_client_new(s.base, s.path, &ops, &g);
    run_ms(&s, 50);
    assert_int_equal(slots.all[0].state, SLOT_OPEN);
    doorman_client_draining(g.client);
    run_ms(&s, 50);
    assert_int_equal(slots.all[0].state, SLOT_GRACE);
    doorman_client_serving(g.client);
    run_ms(&s, 50);
    assert_int_equal(slots.all[0].state, SLOT_OPEN);
    doorman_client_free(g.client);
    run_ms(&s, 50);
    assert_int_equal(slots.all[0].state, SLOT_GRACE);
    server_free(server);
    slots_free(&slots);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_serves_opens_every_shard),
        cmocka_unit_test(the_death_of_a_doorman_is_not_noticed_and_its_sockets_come_back),
        cmocka_unit_test(sockets_that_are_not_the_doormans_any_more_are_exchanged),
        cmocka_unit_test(draining_is_remembered_and_can_be_taken_back),
    };

    log_init("client_test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
