/* Proves that ids of several parts, of UUIDs and of text go through cache and database as one id
 * each: their keys, their order, their duplicates, and what is refused. */
#include "db_link.h"
#include "world.h"

#include <stdlib.h>

struct seat {
    entc_str hall;
    int64_t number;
    uint8_t show[16];
    entc_str name;
};

static const entc_field seat_fields[] = {ENTC_FIELD(struct seat, hall, ENTC_TEXT, ENTC_KEY),
                                         ENTC_FIELD(struct seat, number, ENTC_INT64, ENTC_KEY),
                                         ENTC_FIELD(struct seat, show, ENTC_UUID, ENTC_KEY),
                                         ENTC_FIELD(struct seat, name, ENTC_TEXT, 0)};
static const entc_entity_desc seat_entity = ENTC_ENTITY("Seat", struct seat, seat_fields);
static const entc_model_desc seat_model = ENTC_MODEL("seats");

#define SHOW "01020304-0506-0708-090a-0b0c0d0e0f10"

struct theatre {
    struct world *world;
    struct entc_repository_impl *seats;
};

static int set_up(void **state)
{
    struct theatre *theatre = calloc(1, sizeof(*theatre));

    assert_non_null(theatre);
    theatre->world = world_new();
    assert_int_equal(
        repository_new(theatre->world->services, &seat_model, &seat_entity, &theatre->seats, NULL),
        ENTC_OK);
    *state = theatre;
    return 0;
}

static int tear_down(void **state)
{
    struct theatre *theatre = *state;

    repository_close(theatre->seats);
    repository_unref(theatre->seats);
    world_free(theatre->world);
    free(theatre);
    return 0;
}

static entc_value text_value(const char *text)
{
    return (entc_value){.type = ENTC_TEXT, .length = (uint32_t)strlen(text), .as.text = text};
}

static void make_id(entc_value *id, const char *hall, int64_t number)
{
    id[0] = text_value(hall);
    world_value(&id[1], number);
    id[2] = (entc_value){.type = ENTC_UUID};
    for (size_t i = 0; i < 16; i++)
        id[2].as.bytes[i] = (uint8_t)(i + 1);
}

static entc_op *read_seats(struct theatre *theatre, const entc_value *ids, size_t count)
{
    const struct repository_call call = world_call(NULL);
    entc_op *op = NULL;

    assert_int_equal(repository_get_many(theatre->seats, ids, count, &call, &op, NULL), ENTC_OK);
    world_settle(theatre->world);
    return op;
}

static void assert_seat(entc_op *op, size_t slot, const char *hall, int64_t number,
                        const char *name)
{
    const struct entities_op *entities = repository_entities_op(op);
    const struct seat *seat;

    assert_int_equal(entities->statuses[slot], ENTC_OK);
    seat = entity_record(entities->entities[slot]);
    assert_string_equal(seat->hall.ptr, hall);
    assert_int_equal(seat->number, number);
    assert_int_equal(seat->show[15], 16);
    assert_string_equal(seat->name.ptr, name);
}

static void ids_of_three_parts_are_asked_and_answered_row_by_row(void **state)
{
    struct theatre *theatre = *state;
    entc_value ids[5][3];
    entc_op *op = NULL;

    make_id(ids[0], "a", 1);
    make_id(ids[1], "a", 2);
    make_id(ids[2], "b", 1);
    make_id(ids[3], "a", 1);
    make_id(ids[4], "b", 2);
    fake_db_put_id(&theatre->world->db, "seats", ids[2], 3, "third");
    fake_db_put_id(&theatre->world->db, "seats", ids[0], 3, "first");
    fake_cache_put(&theatre->world->cache, "Seat-a,2," SHOW,
                   "{\"hall\":\"a\",\"number\":2,\"show\":\"" SHOW "\",\"name\":\"second\"}");
    op = read_seats(theatre, ids[0], 5);
    assert_seat(op, 0, "a", 1, "first");
    assert_seat(op, 1, "a", 2, "second");
    assert_seat(op, 2, "b", 1, "third");
    assert_seat(op, 3, "a", 1, "first");
    assert_slot(op, 4, ENTC_E_NOT_FOUND);
    assert_journal(theatre->world,
                   "MGET Seat-a,1," SHOW " Seat-a,2," SHOW " Seat-b,1," SHOW " Seat-b,2," SHOW "\n"
                   "LEASE Seat-a,1," SHOW " Seat-b,1," SHOW " Seat-b,2," SHOW "\n"
                   "IDS a,1,01..10 b,1,01..10 b,2,01..10\n"
                   "FILL Seat-a,1," SHOW "={\"hall\":\"a\",\"number\":1,\"show\":\"" SHOW
                   "\",\"name\":\"first\"} Seat-b,1," SHOW
                   "={\"hall\":\"b\",\"number\":1,\"show\":\"" SHOW
                   "\",\"name\":\"third\"} Seat-b,2," SHOW "=null\n");
    engine_op_unref(op);
}

static void a_value_whose_second_part_is_another_is_foreign(void **state)
{
    struct theatre *theatre = *state;
    entc_value id[3];
    entc_op *op = NULL;

    make_id(id, "a", 1);
    fake_db_put_id(&theatre->world->db, "seats", id, 3, "mine");
    fake_cache_put(&theatre->world->cache, "Seat-a,1," SHOW,
                   "{\"hall\":\"a\",\"number\":2,\"show\":\"" SHOW "\",\"name\":\"yours\"}");
    op = read_seats(theatre, id, 1);
    assert_seat(op, 0, "a", 1, "mine");
    assert_counter(theatre->world, FOREIGN, 1);
    engine_op_unref(op);
}

static void a_comma_in_a_part_cannot_make_it_another_id(void **state)
{
    struct theatre *theatre = *state;
    entc_value ids[2][3];
    entc_op *op = NULL;

    make_id(ids[0], "a,1", 1);
    make_id(ids[1], "a%2C1", 1);
    op = read_seats(theatre, ids[0], 2);
    assert_non_null(strstr(fake_journal_take(&theatre->world->journal),
                           "MGET Seat-a%2C1,1," SHOW " Seat-a%252C1,1," SHOW "\n"));
    engine_op_unref(op);
}

static void one_bad_part_fails_its_slot_alone(void **state)
{
    struct theatre *theatre = *state;
    entc_value ids[4][3];
    entc_op *op = NULL;

    for (size_t i = 0; i < 4; i++)
        make_id(ids[i], "a", (int64_t)i);
    ids[0][0] = text_value("");
    ids[1][1] = text_value("007");
    ids[2][2] = text_value("01020304-0506-0708-090A-0B0C0D0E0F10");
    ids[3][2] = text_value("01020304-0506-0708-090a-0b0c0d0e0f1");
    op = read_seats(theatre, ids[0], 4);
    assert_slot(op, 0, ENTC_E_INVALID);
    assert_slot(op, 1, ENTC_E_INVALID);
    assert_slot(op, 2, ENTC_E_NOT_FOUND);
    assert_slot(op, 3, ENTC_E_INVALID);
    assert_non_null(
        strstr(fake_journal_take(&theatre->world->journal), "MGET Seat-a,2," SHOW "\n"));
    engine_op_unref(op);
}

/* ---- checks ---- */

static entc_op *check(struct world *world, const struct repository_check *what)
{
    const struct repository_call call = world_call(NULL);
    entc_op *op = NULL;

    assert_int_equal(repository_check(world->users, what, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    return op;
}

static void a_check_without_differences_is_ok(void **state)
{
    struct world *world = ((struct theatre *)*state)->world;
    const struct repository_check what = {0};
    entc_op *op = check(world, &what);

    assert_done(op, ENTC_OK);
    assert_int_equal(repository_check_lines(op).length, 0);
    assert_journal(world, "CHECK users\n");
    assert_counter(world, SQL_QUERIES, 1);
    engine_op_unref(op);
}

static void a_check_tells_the_first_difference_and_reports_all(void **state)
{
    static const char *const differences[] = {"one is wrong", "two too", NULL};
    struct world *world = ((struct theatre *)*state)->world;
    const struct db_order order = {"name", true, false};
    const struct repository_check what = {
        .link = TEST_LINK("owner_id", ENTC_INT64), .order = &order, .order_count = 1};
    entc_op *op = NULL;
    struct span lines;

    world->db.differences = differences;
    op = check(world, &what);
    assert_done(op, ENTC_E_SCHEMA);
    assert_string_equal(entc_error_message(op->error),
                        "entity \"User\": 2 differences, the first: one is wrong");
    lines = repository_check_lines(op);
    assert_int_equal(lines.length, strlen("one is wrong\ntwo too\n"));
    assert_memory_equal(lines.bytes, "one is wrong\ntwo too\n", lines.length);
    assert_journal(world, "CHECK users by name down of owner_id\n");
    engine_op_unref(op);
}

static void a_lost_check_is_repeated_once_and_half_an_answer_is_none(void **state)
{
    static const char *const differences[] = {"one is wrong", NULL};
    struct world *world = ((struct theatre *)*state)->world;
    const struct repository_check what = {0};
    entc_op *op = NULL;

    world->db.is_held = true;
    world->db.differences = differences;
    op = check(world, &what);
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "gone");
    assert_under_way(op);
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "gone again");
    assert_done(op, ENTC_E_UNAVAILABLE);
    assert_int_equal(repository_check_lines(op).length, 0);
    assert_journal(world, "CHECK users\nCHECK users\n");
    engine_op_unref(op);
}

static void a_check_ends_with_its_deadline_its_cancel_or_its_repository(void **state)
{
    struct theatre *theatre = *state;
    struct world *world = theatre->world;
    struct repository_call call;
    const struct repository_check what = {0};
    entc_op *op = NULL;

    world->db.is_held = true;
    op = check(world, &what);
    world_advance(world, WORLD_TIMEOUT_US);
    world_settle(world);
    assert_done(op, ENTC_E_TIMEOUT);
    engine_op_unref(op);
    op = check(world, &what);
    engine_op_cancel(op);
    world_settle(world);
    assert_done(op, ENTC_E_CANCELLED);
    engine_op_unref(op);
    call = world_call(NULL);
    assert_int_equal(repository_check(theatre->seats, &what, &call, &op, NULL), ENTC_OK);
    world_turn(world);
    repository_close(theatre->seats);
    world_settle(world);
    assert_done(op, ENTC_E_CLOSED);
    engine_op_unref(op);
    assert_int_equal(repository_check(theatre->seats, &what, &call, &op, NULL), ENTC_E_CLOSED);
    assert_int_equal(world->db.pending_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_of_three_parts_are_asked_and_answered_row_by_row,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_whose_second_part_is_another_is_foreign, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_comma_in_a_part_cannot_make_it_another_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_bad_part_fails_its_slot_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_check_without_differences_is_ok, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_check_tells_the_first_difference_and_reports_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_lost_check_is_repeated_once_and_half_an_answer_is_none,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_check_ends_with_its_deadline_its_cancel_or_its_repository,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
