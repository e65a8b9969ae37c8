/* Proves which addresses are understood, and that a refusal says why without the password. */
#include "allocator.h"
#include "redis/redis.h"
#include "test.h"

#include <stdio.h>

struct expectation {
    const char *uri;
    const char *path;
    const char *host;
    const char *user;
    const char *password;
    uint16_t port;
    int32_t database;
};

static void assert_text(const char *uri, const char *is, const char *should)
{
    if (!is != !should || (is && strcmp(is, should) != 0))
        test_fail("%s: '%s' instead of '%s'", uri, is ? is : "NULL", should ? should : "NULL");
}

static void addresses_are_understood(void **state)
{
    static const struct expectation expectations[] = {
        {"redis://localhost", NULL, "localhost", NULL, NULL, 6379, 0},
        {"redis://localhost/", NULL, "localhost", NULL, NULL, 6379, 0},
        {"redis://cache-1.example.com:6380/15", NULL, "cache-1.example.com", NULL, NULL, 6380, 15},
        {"redis://127.0.0.1:65535/0", NULL, "127.0.0.1", NULL, NULL, 65535, 0},
        {"redis://[::1]", NULL, "::1", NULL, NULL, 6379, 0},
        {"redis://[fe80::1%eth0]:1/2", NULL, "fe80::1%eth0", NULL, NULL, 1, 2},
        {"redis://ann@h", NULL, "h", "ann", NULL, 6379, 0},
        {"redis://:secret@h", NULL, "h", NULL, "secret", 6379, 0},
        {"redis://ann:secret@h:7", NULL, "h", "ann", "secret", 7, 0},
        {"redis://a%40b:s%3A%2f%25%C3%A9@h", NULL, "h", "a@b", "s:/%\xC3\xA9", 6379, 0},
        {"redis://ann:se:cr@et@h", NULL, "h", "ann", "se:cr@et", 6379, 0},
        {"redis://ann:@h", NULL, "h", "ann", NULL, 6379, 0},
        {"redis://@h", NULL, "h", NULL, NULL, 6379, 0},
        {"unix:///run/redis.sock", "/run/redis.sock", NULL, NULL, NULL, 6379, 0},
        {"unix:///run/redis.sock?db=3", "/run/redis.sock", NULL, NULL, NULL, 6379, 3},
        {"unix://ann:secret@/run/r.sock", "/run/r.sock", NULL, "ann", "secret", 6379, 0},
        {"unix:///a%20b%3Fc", "/a b?c", NULL, NULL, NULL, 6379, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        const struct expectation *should = &expectations[i];
        struct redis_address address;
        entc_error *error = NULL;

        if (redis_address_parse(&address, should->uri, NULL, NULL, base_default_allocator(),
                                &error))
            test_fail("%s: %s", should->uri, entc_error_message(error));
        assert_text(should->uri, address.path, should->path);
        assert_text(should->uri, address.host, should->host);
        assert_text(should->uri, address.user, should->user);
        assert_text(should->uri, address.password, should->password);
        assert_int_equal(address.port, should->port);
        assert_int_equal(address.database, should->database);
        redis_address_fini(&address);
    }
}

static void addresses_that_are_not_understood_are_refused_without_the_password(void **state)
{
    static const char *const uris[] = {
        "",
        "localhost:6379",
        "http://hidden@h",
        "REDIS://h",
        "redis:/h",
        "redis://",
        "redis:///1",
        "redis://:6379",
        "redis://ann:hidden@",
        "redis://ann:hidden@:6379",
        "redis://ann:hid/den@h",
        "redis://ann:hidden%4@h",
        "redis://ann:hidden%zz@h",
        "redis://ann:hidden%00@h",
        "redis://h:",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:+1",
        "redis://h:06379",
        "redis://h:99999999999999999999",
        "redis://h:1x",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/01",
        "redis://h/2147483648",
        "redis://h/1/2",
        "redis://h/0?timeout=1",
        "redis://h?db=1",
        "redis://a b",
        "redis://h\n",
        "redis://::1",
        "redis://[::1",
        "redis://[]",
        "redis://[::1]6379",
        "redis://[::1]:",
        "redis://[a/b]",
        "unix://",
        "unix:///",
        "unix://run/redis.sock",
        "unix://ann:hidden@run/redis.sock",
        "unix:/run/redis.sock",
        "unix:///run/r?db=",
        "unix:///run/r?db=x",
        "unix:///run/r?timeout=1",
        "unix:///run/%0",
        ("unix:///a-path-that-is-longer-than-the-hundred-and-seven-"
         "bytes-that-linux-has-for-the-name-of-any-unix-domain-socket.sock")};

    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        struct redis_address address;
        entc_error *error = NULL;

        if (redis_address_parse(&address, uris[i], NULL, NULL, base_default_allocator(), &error) !=
            ENTC_E_INVALID)
            test_fail("took %s", uris[i]);
        assert_int_equal(entc_error_code(error), ENTC_E_INVALID);
        assert_non_null(strstr(entc_error_message(error), "redis.uri"));
        assert_null(strstr(entc_error_message(error), "hid"));
        assert_null(strstr(entc_error_hint(error), "hid"));
        assert_null(address.password);
        entc_error_free(error);
    }
}

static void tls_is_refused_as_unsupported(void **state)
{
    struct redis_address address;
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(redis_address_parse(&address, "rediss://ann:hidden@h", NULL, NULL,
                                         base_default_allocator(), &error),
                     ENTC_E_UNSUPPORTED);
    assert_null(strstr(entc_error_message(error), "hid"));
    entc_error_free(error);
}

static void user_and_password_given_apart_win(void **state)
{
    struct redis_address address;

    (void)state;
    assert_int_equal(redis_address_parse(&address, "redis://ann:old@h", "bob", "n:w@%25",
                                         base_default_allocator(), NULL),
                     ENTC_OK);
    assert_string_equal(address.user, "bob");
    assert_string_equal(address.password, "n:w@%25");
    redis_address_fini(&address);
    redis_address_fini(&address);
    assert_int_equal(
        redis_address_parse(&address, "redis://ann:old@h", "", "", base_default_allocator(), NULL),
        ENTC_OK);
    assert_string_equal(address.user, "ann");
    assert_string_equal(address.password, "old");
    redis_address_fini(&address);
}

static void out_of_memory_is_said_and_nothing_leaks(void **state)
{
    static const char *const uris[] = {"redis://ann:secret@h:1/2", "unix://ann:secret@/p?db=1"};

    (void)state;
    for (uint64_t n = 1; n < 20; n++) {
        struct test_allocator memory;
        struct redis_address address;
        entc_error *error = NULL;
        entc_status status = ENTC_OK;

        test_allocator_init(&memory);
        test_allocator_fail_at(&memory, n / 2 + 1, false);
        status =
            redis_address_parse(&address, uris[n % 2], "bob", "other", &memory.allocator, &error);
        if (test_allocator_calls(&memory) < n / 2 + 1)
            assert_int_equal(status, ENTC_OK);
        else
            assert_int_equal(status, ENTC_E_NO_MEMORY);
        assert_int_equal(entc_error_code(error), status);
        redis_address_fini(&address);
        assert_int_equal(test_allocator_live(&memory), 0);
        entc_error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_understood),
        cmocka_unit_test(addresses_that_are_not_understood_are_refused_without_the_password),
        cmocka_unit_test(tls_is_refused_as_unsupported),
        cmocka_unit_test(user_and_password_given_apart_win),
        cmocka_unit_test(out_of_memory_is_said_and_nothing_leaks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
