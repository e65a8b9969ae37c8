/* What a host makes of what it hears: a trace for viewers, and metrics for Prometheus. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One batch of campaigns 1 to `count`. */
static void read_campaigns(struct fixture *f, size_t count)
{
    entc_value ids[FIXTURE_CAMPAIGNS];
    entc_entity *entities[FIXTURE_CAMPAIGNS];

    for (size_t i = 0; i < count; i++)
        ids[i] = fixture_id((int64_t)i + 1);
    assert_ok(f,
              entc_repository_get_many(f->campaigns, ids, count, NULL, entities, NULL, &f->error));
    entc_entities_unref(entities, count);
}

/* ---- metrics ---- */

static double sample(const char *metrics, const char *name)
{
    char line[128];
    const char *at = NULL;

    snprintf(line, sizeof(line), "\nentitycache_%s_total ", name);
    at = strstr(metrics, line);
    assert_non_null(at);
    return strtod(at + strlen(line), NULL);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void the_metrics_are_the_counters(void **state)
{
    struct fixture *f = *state;
    entc_counters counted;
    entc_buffer *buffer = NULL;
    const char *text = NULL;

    fixture_warm(f, f->campaigns, 1, 5);
    read_campaigns(f, 8);
    counted = fixture_counters(f);
    assert_ok(f, entc_buffer_new(&buffer));
    for (int i = 0; i < 2; i++)
        assert_ok(f, entc_engine_metrics(f->engine, buffer));
    text = entc_buffer_text(buffer);
    assert_int_equal(strlen(text), entc_buffer_length(buffer));
    assert_int_equal(count_lines(text), 3 * (sizeof(counted) - sizeof(size_t)) / sizeof(uint64_t));
    assert_true(sample(text, "sql_queries") == 2 && counted.sql_queries == 2);
    assert_true(sample(text, "hits") == (double)counted.hits && counted.hits == 5);
    assert_true(sample(text, "misses") == (double)counted.misses);
    assert_true(sample(text, "redis_commands") == (double)counted.redis_commands);
    assert_true((uint64_t)(sample(text, "sql_seconds") * 1e6 + 0.5) == counted.sql_us);
    assert_true(counted.sql_us > 0);
    entc_buffer_free(buffer);
}

/* ---- traces ---- */

static void make_engine_with(struct fixture *f, entc_trace *trace)
{
    fixture_free_engine(f);
    f->options.event = entc_trace_event;
    f->options.event_user = trace;
    fixture_make_engine(f);
}

static cJSON *read_trace(struct fixture *f, entc_trace *trace)
{
    entc_buffer *buffer = NULL;
    cJSON *document = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_trace_write(trace, buffer));
    document = cJSON_ParseWithOpts(entc_buffer_text(buffer), NULL, true);
    assert_non_null(document);
    entc_buffer_free(buffer);
    return document;
}

static int count_category(const cJSON *document, const char *category)
{
    const cJSON *event = NULL;
    int count = 0;

    cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(document, "traceEvents"))
    {
        const char *its = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "cat"));

        count += its && strcmp(its, category) == 0;
    }
    return count;
}

static void a_trace_holds_what_happened(void **state)
{
    struct fixture *f = *state;
    entc_trace *trace = NULL;
    cJSON *document = NULL;

    assert_ok(f, entc_trace_new(NULL, &trace, &f->error));
    make_engine_with(f, trace);
    fixture_warm(f, f->campaigns, 1, 5);
    read_campaigns(f, 5);
    fixture_free_engine(f);
    document = read_trace(f, trace);
    assert_int_equal(count_category(document, "batch"), 2);
    assert_int_equal(count_category(document, "postgres"), 1);
    assert_int_equal(count_category(document, "redis"), 4);
    assert_int_equal(count_category(document, "decode"), 2);
    cJSON_Delete(document);
    entc_trace_clear(trace);
    document = read_trace(f, trace);
    assert_int_equal(count_category(document, "batch"), 0);
    cJSON_Delete(document);
    entc_trace_free(trace);
}

static void a_trace_may_be_read_while_it_is_written(void **state)
{
    struct fixture *f = *state;
    entc_trace_options options = ENTC_TRACE_OPTIONS_INIT;
    entc_trace *trace = NULL;
    cJSON *document = NULL;

    options.spans = 2;
    assert_ok(f, entc_trace_new(&options, &trace, &f->error));
    make_engine_with(f, trace);
    fixture_warm(f, f->campaigns, 1, 5);
    document = read_trace(f, trace);
    assert_int_equal(count_category(document, "batch"), 1);
    assert_int_equal(count_category(document, "redis"), 1);
    assert_int_equal(count_category(document, "postgres"), 0);
    cJSON_Delete(document);
    fixture_free_engine(f);
    entc_trace_free(trace);
}

static void misuse_is_refused(void **state)
{
    struct fixture *f = *state;
    entc_trace_options options = ENTC_TRACE_OPTIONS_INIT;
    entc_event event = {0};
    entc_trace *trace = NULL;
    entc_buffer *buffer = NULL;

    assert_ok(f, entc_buffer_new(&buffer));
    assert_int_equal(entc_engine_metrics(NULL, buffer), ENTC_E_INVALID);
    assert_int_equal(entc_engine_metrics(f->engine, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_trace_new(NULL, NULL, &f->error), ENTC_E_INVALID);
    options.spans = UINT64_MAX;
    assert_int_equal(entc_trace_new(&options, &trace, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "spans");
    options.struct_size = 1;
    assert_int_equal(entc_trace_new(&options, &trace, &f->error), ENTC_E_INVALID);
    assert_null(trace);
    assert_ok(f, entc_trace_new(NULL, &trace, &f->error));
    assert_int_equal(entc_trace_write(NULL, buffer), ENTC_E_INVALID);
    assert_int_equal(entc_trace_write(trace, NULL), ENTC_E_INVALID);
    entc_trace_event(NULL, trace);
    entc_trace_event(&event, NULL);
    entc_trace_event(&event, trace);
    event.struct_size = sizeof(event);
    entc_trace_event(&event, trace);
    entc_trace_clear(NULL);
    entc_trace_free(NULL);
    entc_trace_free(trace);
    entc_buffer_free(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_metrics_are_the_counters),
        IN_BOTH_DRIVES(a_trace_holds_what_happened),
        IN_BOTH_DRIVES(a_trace_may_be_read_while_it_is_written),
        IN_BOTH_DRIVES(misuse_is_refused),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
