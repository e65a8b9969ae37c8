/* Proves which servers a connection text names, and that no complaint about it shows a password. */
#include "allocator.h"
#include "shapes.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void forget_environment(void)
{
    static const char *const names[] = {"PGHOST",    "PGHOSTADDR",           "PGPORT",
                                        "PGSERVICE", "PGTARGETSESSIONATTRS", "PGSERVICEFILE"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static void read_settings(struct postgres_settings *settings, const char *text)
{
    entc_error *error = NULL;
    entc_status status = postgres_settings_init(settings, text, base_default_allocator(), &error);

    if (status)
        test_fail("%s: %s", text ? text : "NULL", entc_error_message(error));
}

static void assert_host(const struct postgres_settings *settings, size_t index, const char *name,
                        const char *address, const char *port, bool is_name)
{
    const struct postgres_host *host = &settings->hosts[index];

    assert_in_range(index, 0, settings->host_count - 1);
    assert_string_equal(host->name ? host->name : "-", name);
    assert_string_equal(host->address ? host->address : "-", address);
    assert_string_equal(host->port, port);
    assert_int_equal(host->is_name, is_name);
}

static void assert_one(const char *text, const char *name, const char *address, const char *port,
                       bool is_name)
{
    struct postgres_settings settings;

    read_settings(&settings, text);
    assert_int_equal(settings.host_count, 1);
    assert_int_equal(settings.has_names, is_name);
    assert_host(&settings, 0, name, address, port, is_name);
    postgres_settings_fini(&settings);
}

static void only_names_have_to_be_looked_up(void **state)
{
    (void)state;
    forget_environment();
    assert_one(NULL, "-", "-", "5432", false);
    assert_one("", "-", "-", "5432", false);
    assert_one("  \n", "-", "-", "5432", false);
    assert_one("host=/var/run port=6000", "/var/run", "-", "6000", false);
    assert_one("host=@abstract", "@abstract", "-", "5432", false);
    assert_one("host=127.0.0.1", "127.0.0.1", "-", "5432", false);
    assert_one("postgresql://u:p@[::1]:99/db", "::1", "-", "99", false);
    assert_one("host=db.example hostaddr=10.0.0.1", "db.example", "10.0.0.1", "5432", false);
    assert_one("hostaddr=10.0.0.1", "-", "10.0.0.1", "5432", false);
    assert_one("host=db.example", "db.example", "-", "5432", true);
    assert_one("postgres://db.example/x?port=7", "db.example", "-", "7", true);
}

static void several_hosts_have_their_own_ports_or_share_one(void **state)
{
    struct postgres_settings settings;

    (void)state;
    forget_environment();
    read_settings(&settings, "host=a,/tmp,1.2.3.4 port=1,,3");
    assert_int_equal(settings.host_count, 3);
    assert_true(settings.has_names);
    assert_host(&settings, 0, "a", "-", "1", true);
    assert_host(&settings, 1, "/tmp", "-", "5432", false);
    assert_host(&settings, 2, "1.2.3.4", "-", "3", false);
    postgres_settings_fini(&settings);
    read_settings(&settings, "postgresql://a,b:8/x?port=7");
    assert_host(&settings, 0, "a", "-", "7", true);
    assert_host(&settings, 1, "b", "-", "7", true);
    postgres_settings_fini(&settings);
    read_settings(&settings, "host=a,b hostaddr=1.1.1.1,");
    assert_host(&settings, 0, "a", "1.1.1.1", "5432", false);
    assert_host(&settings, 1, "b", "-", "5432", true);
    postgres_settings_fini(&settings);
}

static void the_environment_and_the_service_file_count(void **state)
{
    char path[64];
    int fd = memfd_create("services", 0);

    (void)state;
    forget_environment();
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "[shop]\nhost=of.service\nport=77\n") > 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    setenv("PGSERVICEFILE", path, 1);
    assert_one("service=shop", "of.service", "-", "77", true);
    setenv("PGSERVICE", "shop", 1);
    assert_one("", "of.service", "-", "77", true);
    unsetenv("PGSERVICE");
    setenv("PGHOST", "of.environment", 1);
    assert_one("port=5", "of.environment", "-", "5", true);
    assert_one("host=of.text", "of.text", "-", "5432", true);
    close(fd);
    forget_environment();
}

static void assert_session(const char *text, bool is_read_write, bool prefers_standby)
{
    struct postgres_settings settings;

    read_settings(&settings, text);
    assert_int_equal(settings.is_read_write, is_read_write);
    assert_int_equal(settings.prefers_standby, prefers_standby);
    postgres_settings_fini(&settings);
}

static void the_primary_is_asked_for_unless_the_user_says_otherwise(void **state)
{
    (void)state;
    forget_environment();
    assert_session("", true, false);
    assert_session("target_session_attrs=any", false, false);
    assert_session("target_session_attrs=standby", false, false);
    assert_session("postgresql:///?target_session_attrs=prefer-standby", false, true);
    setenv("PGTARGETSESSIONATTRS", "any", 1);
    assert_session("", false, false);
    setenv("PGTARGETSESSIONATTRS", "prefer-standby", 1);
    assert_session("", false, true);
    forget_environment();
}

static void assert_refused(const char *text, const char *story)
{
    struct postgres_settings settings;
    entc_error *error = NULL;

    assert_int_equal(postgres_settings_init(&settings, text, base_default_allocator(), &error),
                     ENTC_E_INVALID);
    assert_string_equal(entc_error_message(error), story);
    assert_string_not_equal(entc_error_hint(error), "");
    entc_error_free(error);
    postgres_settings_fini(&settings);
}

static void what_libpq_dislikes_is_told_at_once(void **state)
{
    (void)state;
    forget_environment();
    assert_refused("hots=a", "connection text: invalid connection option \"hots\"");
    assert_refused("host", "connection text: missing \"=\" after \"host\" in connection info "
                           "string");
    assert_refused("sslmode=maybe", "connection text: invalid sslmode value: \"maybe\"");
    assert_refused("service=nowhere", "connection text: definition of service \"nowhere\" not "
                                      "found");
    assert_refused("host=a,b port=1,2,3", "connection text: could not match 3 port numbers to 2 "
                                          "hosts");
    assert_refused("host=a,/tmp hostaddr=1.1.1.1,",
                   "connection text: hostaddr is set, but not for host 2 of 2");
}

static void no_complaint_shows_a_part_of_a_password(void **state)
{
    static const char *const texts[] = {
        "password=a SECRET",
        "host=h password=a SECRET=b",
        "PASSWORD='x SECRET",
        "postgresql://u:SECRET@[::1/db",
        "postgresql://u:SECRET@h/db?nonsense=1",
        "postgresql://u:SECRET%zz@h/db",
        "postgresql://h/db?sslpassword=SECRET&x",
    };

    (void)state;
    forget_environment();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct postgres_settings settings;
        entc_error *error = NULL;

        assert_int_equal(
            postgres_settings_init(&settings, texts[i], base_default_allocator(), &error),
            ENTC_E_INVALID);
        if (strstr(entc_error_message(error), "SECRET"))
            test_fail("%s", entc_error_message(error));
        entc_error_free(error);
        postgres_settings_fini(&settings);
    }
}

static void memory_that_is_out_is_told_and_nothing_leaks(void **state)
{
    struct test_allocator memory;
    entc_status status = ENTC_E_NO_MEMORY;

    (void)state;
    forget_environment();
    test_allocator_init(&memory);
    for (uint64_t n = 1; status; n++) {
        struct postgres_settings settings;

        test_allocator_fail_at(&memory, n, false);
        status = postgres_settings_init(&settings, "host=a,b hostaddr=1.1.1.1,2.2.2.2 port=1,2",
                                        &memory.allocator, NULL);
        assert_true(status == ENTC_OK || status == ENTC_E_NO_MEMORY);
        postgres_settings_fini(&settings);
        assert_int_equal(test_allocator_live(&memory), 0);
    }
}

static void targets_are_the_addresses_of_all_hosts_in_order(void **state)
{
    struct postgres_settings settings;
    struct postgres_targets *targets = NULL;

    (void)state;
    forget_environment();
    read_settings(&settings, "host=/tmp,nowhere.invalid,localhost,10.0.0.1");
    assert_int_equal(postgres_targets_find(&settings, &targets, NULL), ENTC_OK);
    assert_true(targets->count >= 3);
    assert_ptr_equal(targets->items[0].host, &settings.hosts[0]);
    assert_string_equal(targets->items[0].address, "");
    assert_ptr_equal(targets->items[1].host, &settings.hosts[2]);
    assert_true(strcmp(targets->items[1].address, "127.0.0.1") == 0 ||
                strcmp(targets->items[1].address, "::1") == 0);
    assert_ptr_equal(targets->items[targets->count - 1].host, &settings.hosts[3]);
    postgres_targets_unref(targets);
    postgres_settings_fini(&settings);
}

static void a_name_that_nobody_knows_is_named(void **state)
{
    struct postgres_settings settings;
    struct postgres_targets *targets = NULL;
    entc_error *error = NULL;

    (void)state;
    forget_environment();
    read_settings(&settings, "host=nowhere.invalid");
    assert_int_equal(postgres_targets_find(&settings, &targets, &error), ENTC_E_UNAVAILABLE);
    assert_non_null(strstr(entc_error_message(error), "\"nowhere.invalid\""));
    entc_error_free(error);
    postgres_settings_fini(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_have_to_be_looked_up),
        cmocka_unit_test(several_hosts_have_their_own_ports_or_share_one),
        cmocka_unit_test(the_environment_and_the_service_file_count),
        cmocka_unit_test(the_primary_is_asked_for_unless_the_user_says_otherwise),
        cmocka_unit_test(what_libpq_dislikes_is_told_at_once),
        cmocka_unit_test(no_complaint_shows_a_part_of_a_password),
        cmocka_unit_test(memory_that_is_out_is_told_and_nothing_leaks),
        cmocka_unit_test(targets_are_the_addresses_of_all_hosts_in_order),
        cmocka_unit_test(a_name_that_nobody_knows_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
