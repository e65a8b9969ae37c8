/* What a host hears that listens: a tree of spans from the request to the statement, whose numbers
 * are those of the counters. */
#include "spans.h"

#include <string.h>

static struct spans spans;

/* { campaigns(first: 5) { events(first: 2) } } */
static void run_main_query(struct fixture *f, entc_request *request)
{
    const entc_page_args first5 = ENTC_FIRST(5);
    const entc_page_args first2 = ENTC_FIRST(2);
    entc_page *top = NULL;
    entc_page *pages[5] = {NULL};

    assert_ok(f, entc_request_list(request, f->campaigns, &first5, &top, &f->error));
    assert_ok(f, entc_request_pages(request, f->has_events, top, &first2, pages, 5, &f->error));
    for (size_t i = 0; i < 5; i++)
        entc_page_unref(pages[i]);
    entc_page_unref(top);
}

static void run_in_request(struct fixture *f)
{
    entc_request *request = NULL;

    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    run_main_query(f, request);
    assert_int_not_equal(entc_request_span(request), 0);
    entc_request_free(request);
}

/* Each number that is told by spans is told by a counter too. */
static void assert_as_counted(const entc_counters *counted)
{
    assert_int_equal(spans_count(&spans, ENTC_SPAN_POSTGRES, NULL), counted->sql_queries);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_DECODE, "rows", keys), counted->sql_rows);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_REDIS, NULL, commands), counted->redis_commands);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_REDIS, "MGET"), counted->redis_mgets);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_REDIS, "MGET", keys), counted->redis_keys);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_REDIS, "lease", keys), counted->redis_leases);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_REDIS, "fill", keys), counted->fills);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_BATCH, NULL), counted->batches);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_BATCH, NULL, hits),
                     counted->hits + counted->negatives);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_BATCH, NULL, misses), counted->misses);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_BATCH, NULL, coalesced), counted->coalesced);
}

static void the_spans_tell_what_the_counters_tell(void **state)
{
    struct fixture *f = *state;
    entc_counters counted;

    spans_listen(f, &spans);
    run_in_request(f);
    fixture_await_fills(f, 15);
    run_in_request(f);
    counted = fixture_counters(f);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_int_equal(counted.sql_queries, 4 + 2);
    assert_int_equal(counted.hits, 15);
    assert_as_counted(&counted);
}

/* The chain of parents, from the last to the request, by their names. */
static void assert_chain(const struct span_heard *span, const uint32_t *kinds, const char **names)
{
    for (; *kinds; kinds++, names++) {
        assert_non_null(span);
        assert_int_equal(span->begin.kind, *kinds);
        assert_string_equal(span->name, *names);
        span = spans_find(&spans, span->begin.parent);
    }
    assert_null(span);
}

static void parents_lead_from_the_statement_to_the_request(void **state)
{
    struct fixture *f = *state;
    const uint32_t list[] = {ENTC_SPAN_POSTGRES, ENTC_SPAN_LIST, ENTC_SPAN_REQUEST, 0};
    const uint32_t pages[] = {ENTC_SPAN_POSTGRES, ENTC_SPAN_PAGES, ENTC_SPAN_REQUEST, 0};
    const uint32_t rows[] = {ENTC_SPAN_POSTGRES, ENTC_SPAN_BATCH, ENTC_SPAN_PAGES,
                             ENTC_SPAN_REQUEST, 0};
    const uint32_t mget[] = {ENTC_SPAN_REDIS, ENTC_SPAN_BATCH, ENTC_SPAN_LIST, ENTC_SPAN_REQUEST,
                             0};

    spans_listen(f, &spans);
    run_in_request(f);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_chain(spans_at(&spans, ENTC_SPAN_POSTGRES, 0), list,
                 (const char *[]){"Campaign", "Campaign", ""});
    assert_chain(spans_at(&spans, ENTC_SPAN_POSTGRES, 2), pages,
                 (const char *[]){"events", "events", ""});
    assert_chain(spans_at(&spans, ENTC_SPAN_POSTGRES, 3), rows,
                 (const char *[]){"Event", "Event", "events", ""});
    assert_chain(spans_at(&spans, ENTC_SPAN_REDIS, 0), mget,
                 (const char *[]){"Campaign", "Campaign", "Campaign", ""});
    for (size_t i = 0; i < spans.count; i++)
        assert_int_equal(spans.all[i].begin.request,
                         spans_at(&spans, ENTC_SPAN_REQUEST, 0)->begin.span);
}

static void ends_tell_sizes_and_how_it_went(void **state)
{
    struct fixture *f = *state;
    const struct span_heard *span = NULL;

    spans_listen(f, &spans);
    run_in_request(f);
    fixture_await_fills(f, 15);
    run_in_request(f);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    for (size_t i = 0; i < spans.count; i++)
        assert_int_equal(spans.all[i].end.status, ENTC_OK);
    span = spans_at(&spans, ENTC_SPAN_PAGES, 0);
    assert_int_equal(span->begin.keys, 5);
    assert_int_equal(span->end.rows, 10);
    span = spans_at(&spans, ENTC_SPAN_BATCH, 3);
    assert_int_equal(span->begin.keys, 10);
    assert_int_equal(span->end.hits, 10);
    assert_int_equal(span->end.misses, 0);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_POSTGRES, 3)->begin.keys, 10);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_POSTGRES, 3)->end.rows, 10);
    assert_true(spans_at(&spans, ENTC_SPAN_POSTGRES, 3)->end.bytes > 0);
    /* What was written is what is read. */
    assert_true(SPANS_SUM(&spans, ENTC_SPAN_REDIS, "fill", bytes) > 0);
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_REDIS, "fill", bytes),
                     SPANS_SUM(&spans, ENTC_SPAN_REDIS, "MGET", bytes));
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_DECODE, "values", bytes),
                     SPANS_SUM(&spans, ENTC_SPAN_REDIS, "MGET", bytes));
    assert_int_equal(SPANS_SUM(&spans, ENTC_SPAN_DECODE, "values", keys), 15);
}

static void statements_are_told_without_values(void **state)
{
    struct fixture *f = *state;

    spans_listen(f, &spans);
    fixture_warm(f, f->events, 401, 405);
    run_in_request(f);
    fixture_free_engine(f);
    for (size_t i = 0; i < spans.count; i++)
        assert_null(strstr(spans.all[i].text, "40"));
    fixture_assert_says(spans_at(&spans, ENTC_SPAN_POSTGRES, 0)->text, "FROM \"public\"");
    fixture_assert_says(spans_at(&spans, ENTC_SPAN_POSTGRES, 0)->text, "$1");
}

static entc_op *submit(struct fixture *f, entc_request *request, int64_t id)
{
    entc_call call = ENTC_CALL_INIT;
    entc_value value = fixture_id(id);
    entc_op *op = NULL;

    call.request = request;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &value, &call, &op, &f->error));
    return op;
}

static void a_batch_that_requests_share_belongs_to_the_first(void **state)
{
    struct fixture *f = *state;
    entc_request *requests[2] = {NULL, NULL};
    entc_op *ops[3];

    spans_listen(f, &spans);
    for (size_t i = 0; i < 2; i++)
        assert_ok(f, entc_request_new(f->engine, NULL, &requests[i], &f->error));
    ops[0] = submit(f, NULL, 3);
    ops[1] = submit(f, requests[1], 1);
    ops[2] = submit(f, requests[0], 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fixture_finish(f, ops[i]), ENTC_OK);
        entc_op_unref(ops[i]);
    }
    assert_int_equal(spans_count(&spans, ENTC_SPAN_BATCH, NULL), 1);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_BATCH, 0)->begin.parent,
                     entc_request_span(requests[1]));
    assert_int_equal(spans_at(&spans, ENTC_SPAN_BATCH, 0)->end.coalesced, 1);
    entc_request_free(requests[0]);
    entc_request_free(requests[1]);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
}

static void a_call_without_a_request_has_no_parent(void **state)
{
    struct fixture *f = *state;

    spans_listen(f, &spans);
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_BATCH, 0)->begin.parent, 0);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_BATCH, 0)->begin.request, 0);
}

static void absences_and_checks_are_told_too(void **state)
{
    struct fixture *f = *state;
    entc_value id = fixture_id(999);
    entc_entity *entity = NULL;
    entc_counters counted;

    spans_listen(f, &spans);
    for (int i = 0; i < 2; i++) {
        assert_status(f, entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error),
                      ENTC_E_NOT_FOUND);
        fixture_await_fills(f, 1);
    }
    assert_ok(f, entc_repository_check(f->campaigns, NULL, NULL, &f->error));
    counted = fixture_counters(f);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_int_equal(counted.negatives, 1);
    assert_as_counted(&counted);
}

static void without_an_event_function_a_request_has_no_span(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;

    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_int_equal(entc_request_span(request), 0);
    assert_int_equal(entc_request_span(NULL), 0);
    entc_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_spans_tell_what_the_counters_tell),
        IN_BOTH_DRIVES(parents_lead_from_the_statement_to_the_request),
        IN_BOTH_DRIVES(ends_tell_sizes_and_how_it_went),
        IN_BOTH_DRIVES(statements_are_told_without_values),
        IN_BOTH_DRIVES(a_batch_that_requests_share_belongs_to_the_first),
        IN_BOTH_DRIVES(a_call_without_a_request_has_no_parent),
        IN_BOTH_DRIVES(absences_and_checks_are_told_too),
        IN_BOTH_DRIVES(without_an_event_function_a_request_has_no_span),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
