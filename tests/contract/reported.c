/* See reported.h. */
#include "reported.h"

#include <cjson/cJSON.h>
#include <string.h>

static cJSON *parse(entc_request *request)
{
    const char *end = NULL;
    const char *text = entc_request_report(request);
    cJSON *document = text ? cJSON_ParseWithOpts(text, &end, 1) : NULL;

    assert_non_null(document);
    assert_int_equal(cJSON_GetArraySize(document), 1);
    return document;
}

static const cJSON *at(const cJSON *document, const char *path)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(document, "dataFetching");
    char name[64];

    for (const char *rest = path; object && *rest;) {
        const size_t length = strcspn(rest, "/");

        assert_true(length < sizeof(name));
        memcpy(name, rest, length);
        name[length] = '\0';
        object = cJSON_GetObjectItemCaseSensitive(object, name);
        rest += length + (rest[length] == '/');
    }
    if (!object)
        fail_msg("the report has no %s", path);
    return object;
}

double reported(entc_request *request, const char *path)
{
    cJSON *document = parse(request);
    const char *name = strrchr(path, '/');
    char part[64];
    const cJSON *number = NULL;
    double value = 0;

    if (name) {
        assert_in_range(name - path, 1, sizeof(part) - 1);
        memcpy(part, path, (size_t)(name - path));
        part[name - path] = '\0';
        number = cJSON_GetObjectItemCaseSensitive(at(document, part), name + 1);
        assert_true(number || cJSON_IsNumber(at(document, name + 1)));
    } else {
        number = at(document, path);
    }
    assert_true(!number || cJSON_IsNumber(number));
    value = number ? number->valuedouble : 0;
    cJSON_Delete(document);
    return value;
}

int reported_size(entc_request *request, const char *path)
{
    cJSON *document = parse(request);
    const int size = cJSON_GetArraySize(at(document, path));

    cJSON_Delete(document);
    return size;
}

static bool has_text(const cJSON *object, const char *name, const char *text)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_true(cJSON_IsString(member));
    return strcmp(member->valuestring, text) == 0;
}

/* The number of the element that has both texts; 0 when there is none. */
static double find(entc_request *request, const char *array, const char *name, const char *text,
                   const char *of, const char *number)
{
    cJSON *document = parse(request);
    const cJSON *element = NULL;
    double value = 0;

    cJSON_ArrayForEach(element, at(document, array))
    {
        if (has_text(element, name, text) && has_text(element, "of", of))
            value = cJSON_GetObjectItemCaseSensitive(element, number)->valuedouble;
    }
    cJSON_Delete(document);
    return value;
}

double reported_why(entc_request *request, const char *code, const char *of)
{
    return find(request, "why", "code", code, of, "count");
}

double reported_suspect(entc_request *request, const char *of, const char *shape)
{
    return find(request, "suspects", "shape", shape, of, "singles");
}

/* ---- requests ---- */

entc_request *request_new(struct fixture *f, const entc_request_options *options)
{
    entc_request *request = NULL;

    assert_ok(f, entc_request_new(f->engine, options, &request, &f->error));
    return request;
}

entc_status request_get(struct fixture *f, entc_request *request, BaseCacheRepository *repository,
                        int64_t id)
{
    const entc_value value = fixture_id(id);
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entity = NULL;
    entc_status status = ENTC_OK;

    call.request = request;
    status = entc_repository_get_by_id(repository, &value, &call, &entity, &f->error);
    assert_true((entity != NULL) == (status == ENTC_OK));
    entc_entity_unref(entity);
    return status;
}

entc_status request_get_many(struct fixture *f, entc_request *request,
                             BaseCacheRepository *repository, int64_t from, int64_t to)
{
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entities[16];
    int64_t ids[16];
    size_t count = 0;
    entc_status status = ENTC_OK;

    call.request = request;
    for (int64_t id = from; id <= to; id++)
        ids[count++] = id;
    status =
        entc_repository_get_many_int64(repository, ids, count, &call, entities, NULL, &f->error);
    entc_entities_unref(entities, count);
    return status;
}

void request_main_query(struct fixture *f, entc_request *request)
{
    const entc_page_args five = ENTC_FIRST(5);
    const entc_page_args two = ENTC_FIRST(2);
    entc_page *top = NULL;
    entc_page *pages[5];

    assert_ok(f, entc_request_list(request, f->campaigns, &five, &top, &f->error));
    assert_ok(f, entc_request_pages(request, f->has_events, top, &two, pages, 5, &f->error));
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(entc_page_count(pages[i]), 2);
        entc_page_unref(pages[i]);
    }
    entc_page_unref(top);
}
