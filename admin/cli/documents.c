/* Reading files of documents. What a document may say is judged by the server alone. */
#include "admin/cli/documents.h"

#include <fcntl.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "admin/cli/jsonview.h"
#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/wire/json.h"

static const struct json_limits limits = {.bytes_max = DOCUMENTS_FILE_MAX, .depth_max = 64};
/* What says which document it is, or what became of it, and is no part of its value. */
static const char *const beside[] = {"kind", "tenant", "name", "status"};

static bool read_all(int fd, const char *file, struct buf *out, struct err *e)
{
    char part[16384];
    ssize_t n;

    while ((n = read(fd, part, sizeof part)) > 0)
        if (!buf_add(out, part, (size_t)n))
            return err_set(e, "TooLarge", "", "%s is over %d MiB", file, DOCUMENTS_FILE_MAX >> 20);
    return n == 0 || err_set_errno(e, "BadFile", "", "cannot read %s", file);
}

static enum documents_form form_of(const cJSON *tree)
{
    if (cJSON_IsArray(tree))
        return DOCUMENTS_LIST;
    if (cJSON_IsArray(json_get(tree, "documents")))
        return DOCUMENTS_SET;
    if (cJSON_IsArray(json_get(tree, "items")))
        return DOCUMENTS_ITEMS;
    return cJSON_IsString(json_get(tree, "kind")) ? DOCUMENTS_ONE : DOCUMENTS_VALUE;
}

static bool parse(struct documents *d, struct err *e)
{
    struct err why = {0};

    d->tree = json_parse(buf_str(&d->text), &limits, &why);
    if (d->tree == NULL)
        return err_set(e, "BadFile", "", "%s: %s", d->file, why.text);
    d->form = form_of(d->tree);
    return true;
}

static void begin(struct documents *d, const char *file)
{
    *d = (struct documents){.file = strcmp(file, "-") == 0 ? "standard input" : file};
    buf_init(&d->text, DOCUMENTS_FILE_MAX);
}

bool documents_read(struct str text, const char *file, struct documents *out, struct err *e)
{
    begin(out, file);
    return buf_add_str(&out->text, text) ? parse(out, e) : err_set(e, "TooLarge", "", "%s", file);
}

bool documents_load(const char *file, struct documents *out, struct err *e)
{
    bool input = strcmp(file, "-") == 0;
    int fd = input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    bool ok;

    begin(out, file);
    if (fd < 0)
        return err_set_errno(e, "BadFile", "", "cannot open %s", file);
    ok = read_all(fd, out->file, &out->text, e);
    if (!input)
        fd_close(&fd);
    return ok && parse(out, e);
}

void documents_free(struct documents *d)
{
    buf_free(&d->text);
    cJSON_Delete(d->tree);
    d->tree = NULL;
}

static cJSON *value_of(const cJSON *document)
{
    cJSON *value = cJSON_Duplicate(document, true);

    ASSERT(value != NULL);
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(value, beside[i]);
    return value;
}

static void copy_member(cJSON *to, const cJSON *from, const char *key)
{
    const cJSON *member = json_get(from, key);

    if (member != NULL)
        ASSERT(cJSON_AddItemToObject(to, key, cJSON_Duplicate(member, true)));
}

static bool add_document(cJSON *list, const cJSON *document, const char *file, struct err *e)
{
    cJSON *row;

    if (!cJSON_IsString(json_get(document, "kind")))
        return err_set(e, "BadFile", "",
                       "%s: a document of it has no \"kind\"; say KIND and NAME on the command "
                       "line when it is a value alone",
                       file);
    row = cJSON_CreateObject();
    copy_member(row, document, "kind");
    copy_member(row, document, "tenant");
    copy_member(row, document, "name");
    ASSERT(cJSON_AddItemToObject(row, "value", value_of(document)));
    ASSERT(cJSON_AddItemToArray(list, row));
    return true;
}

/* The list of documents in whatever form; NULL when the tree is the one document. */
static const cJSON *list_of(const struct documents *d)
{
    switch (d->form) {
    case DOCUMENTS_SET:
        return json_get(d->tree, "documents");
    case DOCUMENTS_ITEMS:
        return json_get(d->tree, "items");
    case DOCUMENTS_LIST:
        return d->tree;
    case DOCUMENTS_ONE:
    case DOCUMENTS_VALUE:
        break;
    }
    return NULL;
}

static cJSON *make_set(const struct documents *d, struct err *e)
{
    cJSON *body;
    cJSON *list;
    bool ok = true;

    if (d->form == DOCUMENTS_SET)
        return cJSON_Duplicate(d->tree, true);
    body = cJSON_CreateObject();
    list = cJSON_AddArrayToObject(body, "documents");
    if (list_of(d) == NULL)
        ok = add_document(list, d->tree, d->file, e);
    else
        for (const cJSON *i = list_of(d)->child; i != NULL && ok; i = i->next)
            ok = add_document(list, i, d->file, e);
    if (ok)
        return body;
    cJSON_Delete(body);
    return NULL;
}

char *documents_apply_body(struct documents *d, const char *selector, struct err *e)
{
    cJSON *body = make_set(d, e);
    char *text;

    if (body == NULL)
        return NULL;
    if (selector != NULL) {
        cJSON *prune;

        cJSON_DeleteItemFromObjectCaseSensitive(body, "prune");
        prune = cJSON_AddObjectToObject(body, "prune");
        ASSERT(cJSON_AddStringToObject(prune, "selector", selector) != NULL);
    }
    text = cJSON_PrintUnformatted(body);
    ASSERT(text != NULL);
    cJSON_Delete(body);
    return text;
}

char *documents_value_body(struct documents *d)
{
    cJSON *value = d->form == DOCUMENTS_ONE ? value_of(d->tree) : cJSON_Duplicate(d->tree, true);
    char *text = cJSON_PrintUnformatted(value);

    ASSERT(text != NULL);
    cJSON_Delete(value);
    return text;
}

const char *documents_first(const struct documents *d, const char **out_name)
{
    const cJSON *list = list_of(d);
    const cJSON *first = list != NULL ? list->child : d->tree;
    const char *kind = jsonview_text(first, "kind");

    *out_name = jsonview_text(first, "name");
    return kind[0] != '\0' && (*out_name)[0] != '\0' ? kind : NULL;
}

/* "/documents/3/value/hosts/0" is "/3/hosts/0" of a list, "/items/3/hosts/0" of an answer. */
unsigned documents_line(const struct documents *d, const char *pointer)
{
    static const char prefix[] = "/documents/";
    static const char middle[] = "/value";
    const char *number = pointer + sizeof prefix - 1;
    unsigned line;
    size_t digits;
    char *own;

    if (d->form == DOCUMENTS_SET || strncmp(pointer, prefix, sizeof prefix - 1) != 0)
        return jsonview_line(buf_str(&d->text), pointer);
    digits = strcspn(number, "/");
    pointer = number + digits;
    if (strncmp(pointer, middle, sizeof middle - 1) == 0)
        pointer += sizeof middle - 1;
    own = xasprintf("%s%.*s%s",
                    d->form == DOCUMENTS_ITEMS  ? "/items/"
                    : d->form == DOCUMENTS_LIST ? "/"
                                                : "",
                    d->form == DOCUMENTS_ONE ? 0 : (int)digits, number, pointer);
    line = jsonview_line(buf_str(&d->text), own);
    free(own);
    return line;
}
