/* Proves that a trace is strict JSON which viewers can nest, that it is bounded and says what it
 * lacks, and that it survives any failed allocation. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

struct fixture {
    struct test_allocator memory;
    entc_trace *trace;
    struct buffer buffer;
};

#define LIMIT 100

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    test_allocator_init(&fixture->memory);
    assert_int_equal(trace_new(&fixture->memory.allocator, LIMIT, &fixture->trace, NULL), ENTC_OK);
    buffer_init(&fixture->buffer, &fixture->memory.allocator);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    const size_t live = (buffer_fini(&fixture->buffer), trace_free(fixture->trace),
                         test_allocator_live(&fixture->memory));

    free(fixture);
    return live == 0 ? 0 : -1;
}

/* ---- telling ---- */

static void tell(struct fixture *fixture, uint32_t phase, const entc_event *what, int64_t time_us)
{
    entc_event event = *what;

    event.struct_size = sizeof(event);
    event.phase = phase;
    event.time_us = time_us;
    event.name = what->name ? what->name : "";
    event.text = what->text ? what->text : "";
    trace_event(fixture->trace, &event);
}

static void tell_begin(struct fixture *fixture, const entc_event *what)
{
    tell(fixture, ENTC_EVENT_BEGIN, what, what->begin_us);
}

static void tell_whole(struct fixture *fixture, const entc_event *what, int64_t end_us)
{
    tell_begin(fixture, what);
    tell(fixture, ENTC_EVENT_END, what, end_us);
}

/* ---- reading ---- */

static cJSON *read_trace(struct fixture *fixture)
{
    const char *end = NULL;
    cJSON *document = NULL;

    buffer_clear(&fixture->buffer);
    assert_true(trace_write(fixture->trace, &fixture->buffer));
    document = cJSON_ParseWithOpts(buffer_text(&fixture->buffer), &end, true);
    assert_non_null(document);
    assert_ptr_equal(end, fixture->buffer.bytes + fixture->buffer.length);
    return document;
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static const char *text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

/* The n-th complete event, from 0; NULL when there are not so many. */
static const cJSON *span_at(const cJSON *document, size_t n)
{
    const cJSON *event = NULL;

    cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(document, "traceEvents"))
    {
        if (strcmp(text(event, "ph"), "X") == 0 && n-- == 0)
            return event;
    }
    return NULL;
}

static const char *lane_of(const cJSON *document, const cJSON *span)
{
    const cJSON *event = NULL;

    cJSON_ArrayForEach(event, cJSON_GetObjectItemCaseSensitive(document, "traceEvents"))
    {
        if (strcmp(text(event, "name"), "thread_name") == 0 &&
            number(event, "tid") == number(span, "tid"))
            return text(cJSON_GetObjectItemCaseSensitive(event, "args"), "name");
    }
    return NULL;
}

static double dropped(const cJSON *document)
{
    return number(cJSON_GetObjectItemCaseSensitive(document, "otherData"), "droppedSpans");
}

/* Two spans of a thread are apart, or one holds the other. */
static void assert_nested(const cJSON *document)
{
    const cJSON *a = NULL;
    const cJSON *b = NULL;

    for (size_t i = 0; (a = span_at(document, i)) != NULL; i++) {
        for (size_t j = i + 1; (b = span_at(document, j)) != NULL; j++) {
            const double a_end = number(a, "ts") + number(a, "dur");
            const double b_end = number(b, "ts") + number(b, "dur");

            if (number(a, "tid") != number(b, "tid"))
                continue;
            assert_true(number(a, "ts") <= number(b, "ts"));
            assert_true(number(b, "ts") >= a_end || b_end <= a_end);
        }
    }
}

/* ---- tests ---- */

static void an_empty_trace_is_a_trace(void **state)
{
    cJSON *document = read_trace(*state);

    assert_null(span_at(document, 0));
    assert_true(dropped(document) == 0);
    cJSON_Delete(document);
}

static void each_kind_has_its_lane_and_its_name(void **state)
{
    static const struct {
        entc_event event;
        const char *lane;
        const char *name;
        const char *category;
    } expected[] = {
        {{.kind = ENTC_SPAN_REQUEST}, "request", "request", "request"},
        {{.kind = ENTC_SPAN_LIST, .name = "Campaign"}, "loader", "Campaign", "list"},
        {{.kind = ENTC_SPAN_PAGES, .name = "events"}, "loader", "events", "pages"},
        {{.kind = ENTC_SPAN_LOADER, .name = "brands"}, "loader", "brands", "loader"},
        {{.kind = ENTC_SPAN_BATCH, .name = "Event"}, "loader", "Event", "batch"},
        {{.kind = ENTC_SPAN_REDIS, .name = "Event", .text = "MGET"},
         "Redis",
         "MGET Event",
         "redis"},
        {{.kind = ENTC_SPAN_POSTGRES, .name = "Event", .text = "SELECT \"a\" = $1"},
         "PostgreSQL",
         "SQL Event",
         "postgres"},
        {{.kind = ENTC_SPAN_DECODE, .name = "Event", .text = "rows"},
         "decode",
         "rows Event",
         "decode"},
    };
    const size_t count = sizeof(expected) / sizeof(expected[0]);
    struct fixture *fixture = *state;
    cJSON *document = NULL;

    for (size_t i = 0; i < count; i++) {
        entc_event event = expected[i].event;

        event.span = i + 1;
        event.begin_us = (int64_t)(10 * i);
        tell_whole(fixture, &event, event.begin_us + 10);
    }
    document = read_trace(fixture);
    for (size_t i = 0; i < count; i++) {
        const cJSON *span = span_at(document, i);

        assert_string_equal(lane_of(document, span), expected[i].lane);
        assert_string_equal(text(span, "name"), expected[i].name);
        assert_string_equal(text(span, "cat"), expected[i].category);
        assert_true(number(span, "ts") == (double)(10 * i) && number(span, "dur") == 10);
        assert_true(number(cJSON_GetObjectItemCaseSensitive(span, "args"), "span") ==
                    (double)(i + 1));
    }
    assert_null(span_at(document, count));
    assert_string_equal(
        text(cJSON_GetObjectItemCaseSensitive(span_at(document, 6), "args"), "statement"),
        "SELECT \"a\" = $1");
    cJSON_Delete(document);
}

static void the_arguments_are_those_of_the_end(void **state)
{
    struct fixture *fixture = *state;
    const entc_event begin = {
        .span = 7, .parent = 3, .request = 1, .kind = ENTC_SPAN_BATCH, .keys = 10};
    entc_event end = begin;
    cJSON *document = NULL;
    const cJSON *arguments = NULL;

    end.bytes = 1000;
    end.rows = 2;
    end.commands = 4;
    end.hits = 6;
    end.misses = 4;
    end.coalesced = 5;
    end.status = ENTC_E_TIMEOUT;
    tell_begin(fixture, &begin);
    tell(fixture, ENTC_EVENT_END, &end, 12);
    document = read_trace(fixture);
    arguments = cJSON_GetObjectItemCaseSensitive(span_at(document, 0), "args");
    assert_true(number(arguments, "parent") == 3 && number(arguments, "request") == 1);
    assert_true(number(arguments, "keys") == 10 && number(arguments, "bytes") == 1000);
    assert_true(number(arguments, "rows") == 2 && number(arguments, "commands") == 4);
    assert_true(number(arguments, "hits") == 6 && number(arguments, "misses") == 4);
    assert_true(number(arguments, "coalesced") == 5);
    assert_string_equal(text(arguments, "status"), entc_status_name(ENTC_E_TIMEOUT));
    assert_null(cJSON_GetObjectItemCaseSensitive(arguments, "open"));
    cJSON_Delete(document);
}

static void a_child_lies_in_its_parents_lane_and_what_overlaps_beside_it(void **state)
{
    struct fixture *fixture = *state;
    const entc_event spans[] = {
        {.span = 1, .kind = ENTC_SPAN_PAGES, .begin_us = 0},
        {.span = 2, .kind = ENTC_SPAN_BATCH, .begin_us = 10, .parent = 1},
        {.span = 3, .kind = ENTC_SPAN_BATCH, .begin_us = 20, .parent = 0},
        {.span = 4, .kind = ENTC_SPAN_BATCH, .begin_us = 50, .parent = 1},
    };
    const int64_t ends[] = {100, 30, 40, 120};
    cJSON *document = NULL;

    for (size_t i = 0; i < 4; i++)
        tell_whole(fixture, &spans[i], ends[i]);
    document = read_trace(fixture);
    assert_nested(document);
    assert_true(number(span_at(document, 0), "tid") == number(span_at(document, 1), "tid"));
    assert_true(number(span_at(document, 0), "tid") != number(span_at(document, 2), "tid"));
    /* It outlives its parent, and the other one is over. */
    assert_true(number(span_at(document, 2), "tid") == number(span_at(document, 3), "tid"));
    assert_string_equal(lane_of(document, span_at(document, 3)), "loader");
    cJSON_Delete(document);
}

static void many_that_overlap_are_still_nested(void **state)
{
    struct fixture *fixture = *state;
    uint64_t seed = 4711;
    cJSON *document = NULL;

    for (uint64_t i = 0; i < LIMIT; i++) {
        entc_event event = {.span = i + 1, .kind = 1 + (uint32_t)(i % 8), .parent = i / 2};

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        event.begin_us = (int64_t)((seed >> 33) % 500);
        tell_whole(fixture, &event, event.begin_us + (int64_t)((seed >> 20) % 100));
    }
    document = read_trace(fixture);
    assert_non_null(span_at(document, LIMIT - 1));
    assert_nested(document);
    cJSON_Delete(document);
}

static void what_is_open_ends_with_the_trace_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    const entc_event open = {.span = 1, .kind = ENTC_SPAN_REQUEST, .begin_us = 5};
    const entc_event done = {.span = 2, .kind = ENTC_SPAN_BATCH, .begin_us = 10};
    cJSON *document = NULL;
    const cJSON *arguments = NULL;

    tell_begin(fixture, &open);
    tell_whole(fixture, &done, 25);
    document = read_trace(fixture);
    arguments = cJSON_GetObjectItemCaseSensitive(span_at(document, 0), "args");
    assert_true(number(span_at(document, 0), "dur") == 20);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(arguments, "open")));
    cJSON_Delete(document);
    tell(fixture, ENTC_EVENT_END, &open, 30);
    document = read_trace(fixture);
    arguments = cJSON_GetObjectItemCaseSensitive(span_at(document, 0), "args");
    assert_true(number(span_at(document, 0), "dur") == 25);
    assert_null(cJSON_GetObjectItemCaseSensitive(arguments, "open"));
    cJSON_Delete(document);
}

static void what_is_beyond_the_limit_is_counted(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;

    for (uint64_t i = 1; i <= LIMIT + 3; i++)
        tell_whole(fixture, &(entc_event){.span = i, .kind = ENTC_SPAN_REDIS}, 1);
    document = read_trace(fixture);
    assert_non_null(span_at(document, LIMIT - 1));
    assert_null(span_at(document, LIMIT));
    assert_true(dropped(document) == 3);
    cJSON_Delete(document);
}

static void a_trace_that_was_cleared_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    const entc_event old = {.span = 1, .kind = ENTC_SPAN_REDIS, .name = "Old", .text = "MGET"};
    const entc_event new = {.span = 2, .kind = ENTC_SPAN_REDIS, .name = "New", .text = "fill"};
    cJSON *document = NULL;

    tell_begin(fixture, &old);
    trace_clear(fixture->trace);
    tell(fixture, ENTC_EVENT_END, &old, 10);
    tell_whole(fixture, &new, 20);
    document = read_trace(fixture);
    assert_string_equal(text(span_at(document, 0), "name"), "fill New");
    assert_null(span_at(document, 1));
    cJSON_Delete(document);
}

static void any_text_becomes_strict_json(void **state)
{
    struct fixture *fixture = *state;
    const entc_event odd = {.span = 1,
                            .kind = ENTC_SPAN_POSTGRES,
                            .name = "M\xC3\xA1laga \"x\" \\ \x01",
                            .text = "SELECT\n\t'\x7F'"};
    const entc_event bad = {.span = 2, .kind = ENTC_SPAN_REDIS, .begin_us = 5, .name = "\xFF"};
    cJSON *document = NULL;

    tell_whole(fixture, &odd, 1);
    tell_whole(fixture, &bad, 6);
    document = read_trace(fixture);
    assert_string_equal(text(span_at(document, 0), "name"), "SQL M\xC3\xA1laga \"x\" \\ \x01");
    assert_string_equal(
        text(cJSON_GetObjectItemCaseSensitive(span_at(document, 0), "args"), "statement"),
        odd.text);
    assert_string_equal(text(span_at(document, 1), "name"), "");
    cJSON_Delete(document);
}

/* ---- memory ---- */

static size_t count_spans(const cJSON *document)
{
    size_t count = 0;

    while (span_at(document, count))
        count++;
    return count;
}

static void a_span_for_which_memory_is_out_is_counted(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t n = 1; n < 30; n++) {
        cJSON *document = NULL;
        entc_trace *fresh = NULL;
        entc_trace *kept = fixture->trace;

        assert_int_equal(trace_new(&fixture->memory.allocator, LIMIT, &fresh, NULL), ENTC_OK);
        fixture->trace = fresh;
        test_allocator_fail_at(&fixture->memory, n, false);
        for (uint64_t i = 1; i <= 20; i++)
            tell_whole(fixture, &(entc_event){.span = i, .kind = ENTC_SPAN_REDIS, .text = "MGET"},
                       1);
        test_allocator_fail_at(&fixture->memory, 0, false);
        document = read_trace(fixture);
        assert_true((double)count_spans(document) + dropped(document) == 20);
        cJSON_Delete(document);
        trace_free(fresh);
        fixture->trace = kept;
    }
}

static void writing_without_memory_fails_and_works_again(void **state)
{
    struct fixture *fixture = *state;
    bool done = false;
    uint64_t n = 0;

    for (uint64_t i = 1; i <= 20; i++)
        tell_whole(fixture, &(entc_event){.span = i, .kind = ENTC_SPAN_REDIS}, 1);
    while (!done) {
        assert_true(++n < 100);
        buffer_fini(&fixture->buffer);
        test_allocator_fail_at(&fixture->memory, n, true);
        done = trace_write(fixture->trace, &fixture->buffer);
    }
    assert_true(n > 3);
    test_allocator_fail_at(&fixture->memory, 0, false);
    cJSON_Delete(read_trace(fixture));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_trace_is_a_trace),
        TEST(each_kind_has_its_lane_and_its_name),
        TEST(the_arguments_are_those_of_the_end),
        TEST(a_child_lies_in_its_parents_lane_and_what_overlaps_beside_it),
        TEST(many_that_overlap_are_still_nested),
        TEST(what_is_open_ends_with_the_trace_and_says_so),
        TEST(what_is_beyond_the_limit_is_counted),
        TEST(a_trace_that_was_cleared_begins_anew),
        TEST(any_text_becomes_strict_json),
        TEST(a_span_for_which_memory_is_out_is_counted),
        TEST(writing_without_memory_fails_and_works_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
