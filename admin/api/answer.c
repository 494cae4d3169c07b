/* Printing of answers and refusals; knows no resource. Used by all handlers. */
#include "admin/api/answer.h"

#include <string.h>

#include <event2/http.h>

#include "clusters/compile/compile.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"

void answer_open(struct answer *a)
{
    buf_init(&a->b, ANSWER_MAX);
    a->fits = true;
}

void answer_free(struct answer *a)
{
    buf_free(&a->b);
}

void answer_span(struct answer *a, struct str json)
{
    a->fits = a->fits && buf_add_str(&a->b, json);
}

void answer_add(struct answer *a, const char *json)
{
    answer_span(a, str_from(json));
}

void answer_text(struct answer *a, const char *before, const char *text)
{
    answer_add(a, before);
    a->fits = a->fits && buf_add_json(&a->b, str_from(text));
}

void answer_number(struct answer *a, const char *before, uint64_t n)
{
    a->fits = a->fits && buf_add_fmt(&a->b, "%s%llu", before, (unsigned long long)n);
}

void answer_bool(struct answer *a, const char *before, bool value)
{
    answer_add(a, before);
    answer_add(a, value ? "true" : "false");
}

void answer_separator(struct answer *a)
{
    char last = a->b.len > 0 ? a->b.bytes[a->b.len - 1] : '[';

    if (last != '[' && last != '{')
        answer_add(a, ",");
}

void answer_condition(struct answer *a, const struct compile_condition *c, uint64_t observed)
{
    answer_separator(a);
    answer_text(a, "{\"type\":", c->type);
    answer_text(a, ",\"status\":", c->status ? "True" : "False");
    answer_text(a, ",\"reason\":", c->reason);
    answer_text(a, ",\"message\":", c->message);
    answer_text(a, ",\"label\":", c->label);
    answer_text(a, ",\"value\":", c->value);
    answer_number(a, ",\"observedCommit\":", observed);
    answer_add(a, "}");
}

void answer_send(struct answer *a, struct evhttp_request *req, int status)
{
    struct err why = {0};

    answer_add(a, "\n");
    if (a->fits) {
        reply_json(req, status, &a->b);
    } else {
        err_set(&why, "TooLarge", "", "the answer would be larger than %d bytes", (int)ANSWER_MAX);
        reply_later(req, 503, 60, &why);
    }
    answer_free(a);
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

static const char *without(const char *field, const char *cut)
{
    size_t n = strlen(cut);

    return strncmp(field, cut, n) == 0 ? field + n : field;
}

static void print_fault(struct answer *a, const struct err *e, const char *cut)
{
    answer_separator(a);
    answer_text(a, "{\"pointer\":", without(e->field, cut));
    answer_text(a, ",\"code\":", e->code);
    answer_text(a, ",\"detail\":", e->text);
    answer_add(a, "}");
}

void answer_faults(struct evhttp_request *req, int status, const struct errs *faults,
                   const char *cut)
{
    const struct err *first = &faults->all[0];
    struct answer a;

    ASSERT(!errs_none(faults));
    answer_open(&a);
    answer_text(&a, "{\"type\":\"about:blank\",\"title\":", reply_phrase(status));
    answer_number(&a, ",\"status\":", (uint64_t)status);
    answer_text(&a, ",\"code\":", first->code);
    answer_text(&a, ",\"detail\":", first->text);
    if (without(first->field, cut)[0] != '\0')
        answer_text(&a, ",\"field\":", without(first->field, cut));
    answer_add(&a, ",\"errors\":[");
    for (size_t i = 0; i < errs_kept(faults); i++)
        print_fault(&a, &faults->all[i], cut);
    answer_number(&a, "],\"faults\":", faults->num);
    answer_add(&a, "}\n");
    if (status == 429 || status == 503)
        answer_header(req, "Retry-After", "1");
    reply_body(req, status, "application/problem+json", &a.b);
    answer_free(&a);
}

void answer_problem(struct evhttp_request *req, int status, const struct err *why)
{
    struct errs one = {.num = 0};

    errs_add(&one, why);
    answer_faults(req, status, &one, "");
}

void answer_header(struct evhttp_request *req, const char *name, const char *value)
{
    /* Fails only for line breaks in the value, and every value is ours. */
    ASSERT(evhttp_add_header(evhttp_request_get_output_headers(req), name, value) == 0);
}

void answer_header_number(struct evhttp_request *req, const char *name, uint64_t value)
{
    char *text = xasprintf("%llu", (unsigned long long)value);

    answer_header(req, name, text);
    free(text);
}

void answer_etag(struct evhttp_request *req, uint64_t commit)
{
    char *text = xasprintf("\"%llu\"", (unsigned long long)commit);

    answer_header(req, "ETag", text);
    free(text);
}
