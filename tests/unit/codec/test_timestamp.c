/* Proves the text of points in time against known dates and against the C library, and that each
 * has one spelling only. */
#include "codec/codec.h"
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    int64_t microseconds;
    const char *text;
} known[] = {
    {0, "1970-01-01T00:00:00.000000Z"},
    {-1, "1969-12-31T23:59:59.999999Z"},
    {-1000000, "1969-12-31T23:59:59.000000Z"},
    {1, "1970-01-01T00:00:00.000001Z"},
    {1795341600000000, "2026-11-22T10:00:00.000000Z"},
    {951782400000000, "2000-02-29T00:00:00.000000Z"},
    {951868799999999, "2000-02-29T23:59:59.999999Z"},
    {951868800000000, "2000-03-01T00:00:00.000000Z"},
    {1709164800000000, "2024-02-29T00:00:00.000000Z"},
    {-2203977600000000, "1900-02-28T00:00:00.000000Z"},
    {-2203891200000000, "1900-03-01T00:00:00.000000Z"},
    {4107542399000000, "2100-02-28T23:59:59.000000Z"},
    {4107542400000000, "2100-03-01T00:00:00.000000Z"},
    {946684800000000, "2000-01-01T00:00:00.000000Z"},
    {253402300799999999, "9999-12-31T23:59:59.999999Z"},
    {253402300800000000, "+010000-01-01T00:00:00.000000Z"},
    {-62135596800000000, "0001-01-01T00:00:00.000000Z"},
    {-62135596800000001, "0000-12-31T23:59:59.999999Z"},
    {-62162121600000000, "0000-02-29T00:00:00.000000Z"},
    {-62167219200000000, "0000-01-01T00:00:00.000000Z"},
    {-62167219200000001, "-000001-12-31T23:59:59.999999Z"},
    /* PostgreSQL's first day, 4714-11-24 BC: there is no year 0 in its text, but one here. */
    {-210866803200000000, "-004713-11-24T00:00:00.000000Z"},
    {-210863520000000000, "-004712-01-01T00:00:00.000000Z"},
    {-210858422400000000, "-004712-02-29T00:00:00.000000Z"},
    /* The ends of what 64 bits hold; PostgreSQL's own end, 294276-12-31, lies behind them. */
    {INT64_MAX - 1, "+294247-01-10T04:00:54.775806Z"},
    {INT64_MIN + 1, "-290308-12-21T19:59:05.224193Z"},
    {INT64_MAX, "infinity"},
    {INT64_MIN, "-infinity"},
};

static void known_dates_are_written_and_read(void **state)
{
    char text[CODEC_TIMESTAMP_MAX];
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const size_t length = codec_timestamp_text(text, known[i].microseconds);

        if (length != strlen(known[i].text) || memcmp(text, known[i].text, length) != 0)
            test_fail("%s is written as %.*s", known[i].text, (int)length, text);
        back = 42;
        if (!codec_timestamp_parse(text, length, &back) || back != known[i].microseconds)
            test_fail("%s is read as %lld", known[i].text, (long long)back);
    }
}

static void decimals_may_be_left_out(void **state)
{
    static const struct {
        const char *text;
        int64_t microseconds;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1000000},
        {"1970-01-01T00:00:01.5Z", 1500000},
        {"1970-01-01T00:00:01.05Z", 1050000},
        {"1970-01-01T00:00:01.123Z", 1123000},
        {"1970-01-01T00:00:01.12345Z", 1123450},
        {"1969-12-31T23:59:59.9Z", -100000},
        {"-000001-12-31T23:59:59Z", -62167219201000000},
    };
    int64_t back;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(codec_timestamp_parse(cases[i].text, strlen(cases[i].text), &back));
        assert_int_equal(back, cases[i].microseconds);
    }
}

static void no_other_spelling_is_read(void **state)
{
    static const char *const cases[] = {
        "",
        "Z",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.000000",
        "1970-01-01T00:00:00.5",
        "1970-01-01T00:00:00.5 Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.0000000Z",
        "1970-01-01T00:00:00,000000Z",
        "1970-01-01T00:00:00.000000z",
        "1970-01-01t00:00:00.000000Z",
        "1970-01-01 00:00:00.000000Z",
        "1970-01-01T00:00:00.000000Z ",
        " 1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:00.000000+00:00",
        "1970-01-01T00:00:00.000000-00:00",
        "1970-1-01T00:00:00.000000Z",
        "1970-01-1T00:00:00.000000Z",
        "1970-00-01T00:00:00.000000Z",
        "1970-13-01T00:00:00.000000Z",
        "1970-01-00T00:00:00.000000Z",
        "1970-01-32T00:00:00.000000Z",
        "1970-04-31T00:00:00.000000Z",
        "1970-02-29T00:00:00.000000Z",
        "1900-02-29T00:00:00.000000Z",
        "2100-02-29T00:00:00.000000Z",
        "2000-02-30T00:00:00.000000Z",
        "1970-01-01T24:00:00.000000Z",
        "1970-01-01T00:60:00.000000Z",
        "1970-01-01T00:00:60.000000Z",
        "1970-01-01T00:00:00.00000xZ",
        "19x0-01-01T00:00:00.000000Z",
        "1970/01/01T00:00:00.000000Z",
        "+001970-01-01T00:00:00.000000Z",
        "-001970-01-01T00:00:00.000000",
        "-000000-01-01T00:00:00.000000Z",
        "+009999-01-01T00:00:00.000000Z",
        "+10000-01-01T00:00:00.000000Z",
        "10000-01-01T00:00:00.000000Z",
        "-0001-01-01T00:00:00.000000Z",
        "+0010000-01-01T00:00:00.000000Z",
        "+294247-01-10T04:00:54.775807Z", /* would be infinity */
        "+294247-01-10T04:00:54.775808Z",
        "+294276-12-31T23:59:59.999999Z",
        "+999999-12-31T23:59:59.999999Z",
        "-290308-12-21T19:59:05.224192Z", /* would be -infinity */
        "-290308-12-21T19:59:05.224191Z",
        "-290308-12-21T19:59:04.999999Z",
        "-999999-01-01T00:00:00.000000Z",
        "Infinity",
        "+infinity",
        "infinity ",
        "infinit",
        "-infinit",
    };
    int64_t back = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (codec_timestamp_parse(cases[i], strlen(cases[i]), &back))
            test_fail("%s is read as %lld", cases[i], (long long)back);
        assert_int_equal(back, 42);
    }
    assert_false(codec_timestamp_parse("infinity\0", 9, &back));
}

static void check_against_gmtime(int64_t microseconds)
{
    const int64_t fraction = (microseconds % 1000000 + 1000000) % 1000000;
    const time_t seconds = (time_t)((microseconds - fraction) / 1000000);
    char expected[64];
    char text[CODEC_TIMESTAMP_MAX];
    struct tm tm;
    size_t length;
    int year;
    int64_t back = 0;

    assert_non_null(gmtime_r(&seconds, &tm));
    year = tm.tm_year + 1900;
    snprintf(expected, sizeof(expected),
             year < 0      ? "-%06d-%02d-%02dT%02d:%02d:%02d.%06dZ"
             : year > 9999 ? "+%06d-%02d-%02dT%02d:%02d:%02d.%06dZ"
                           : "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
             year < 0 ? -year : year, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)fraction);
    length = codec_timestamp_text(text, microseconds);
    if (length != strlen(expected) || memcmp(text, expected, length) != 0)
        test_fail("%s is written as %.*s", expected, (int)length, text);
    if (!codec_timestamp_parse(text, length, &back) || back != microseconds)
        test_fail("%s is read as %lld", expected, (long long)back);
}

static void every_day_of_800_years_is_as_the_c_library_says(void **state)
{
    (void)state;
    for (int64_t day = -365 * 400; day < 365 * 400; day++) {
        check_against_gmtime(day * 86400000000);
        check_against_gmtime(day * 86400000000 - 1);
    }
}

static void any_microsecond_is_as_the_c_library_says(void **state)
{
    struct random random = {{1, 2, 3, 4}};

    (void)state;
    for (int i = 0; i < 200000; i++)
        check_against_gmtime((int64_t)random_next(&random) >> random_below(&random, 16));
    check_against_gmtime(INT64_MAX - 1);
    check_against_gmtime(INT64_MIN + 1000000);
}

static void damaged_text_is_refused_or_means_what_it_says(void **state)
{
    static const char whole[] = "-004712-02-29T12:34:56.789012Z";
    char again[CODEC_TIMESTAMP_MAX];
    char text[sizeof(whole)];
    int64_t microseconds;

    (void)state;
    for (size_t at = 0; at < strlen(whole); at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(text, whole, sizeof(text));
            text[at] = (char)byte;
            if (!codec_timestamp_parse(text, strlen(whole), &microseconds))
                continue;
            assert_int_equal(codec_timestamp_text(again, microseconds), strlen(whole));
            assert_memory_equal(again, text, strlen(whole));
        }
        assert_false(codec_timestamp_parse(whole, at, &microseconds));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates_are_written_and_read),
        cmocka_unit_test(decimals_may_be_left_out),
        cmocka_unit_test(no_other_spelling_is_read),
        cmocka_unit_test(every_day_of_800_years_is_as_the_c_library_says),
        cmocka_unit_test(any_microsecond_is_as_the_c_library_says),
        cmocka_unit_test(damaged_text_is_refused_or_means_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
