/* Proves that children and parents may have keys of several fields, and how the default
 * order of such children is asked for. */
#include "family.h"

#include <stdlib.h>

struct seat {
    entc_str hall;
    int64_t number;
    entc_str name;
};

static const entc_field seat_fields[] = {ENTC_FIELD(struct seat, hall, ENTC_TEXT, ENTC_KEY),
                                         ENTC_FIELD(struct seat, number, ENTC_INT64, ENTC_KEY),
                                         ENTC_FIELD(struct seat, name, ENTC_TEXT, 0)};
static const entc_entity_desc seat_entity = ENTC_ENTITY("Seat", struct seat, seat_fields);
static const entc_column seat_columns[] = {{"number", "No."}};
static const entc_model_desc seat_model = {
    sizeof(seat_model),  "seats", NULL, NULL, 0, 0, seat_columns, 1,
    sizeof(entc_column), NULL,    NULL};

struct theatre {
    struct family *family;
    struct entc_repository_impl *seats;
};

static int set_up(void **state)
{
    struct theatre *theatre = calloc(1, sizeof(*theatre));

    assert_non_null(theatre);
    theatre->family = family_new();
    assert_int_equal(repository_new(theatre->family->world->services, &seat_model, &seat_entity,
                                    &theatre->seats, NULL),
                     ENTC_OK);
    *state = theatre;
    return 0;
}

static int tear_down(void **state)
{
    struct theatre *theatre = *state;

    repository_close(theatre->seats);
    repository_unref(theatre->seats);
    family_free(theatre->family);
    free(theatre);
    return 0;
}

static void put_seat(struct theatre *theatre, const char *hall, int64_t number, int64_t parent)
{
    struct fake_db *db = &theatre->family->world->db;
    entc_value id[2] = {{.type = ENTC_TEXT, .length = (uint32_t)strlen(hall), .as.text = hall}};

    world_value(&id[1], number);
    fake_db_put_id(db, "seats", id, 2, "seat");
    db->rows[db->row_count - 1].parent = parent;
}

static void assert_seat(const struct entc_page *page, size_t slot, const char *hall, int64_t number)
{
    assert_int_equal(page->ids[2 * slot].type, ENTC_TEXT);
    assert_string_equal(page->ids[2 * slot].as.text, hall);
    assert_int_equal(page->ids[2 * slot + 1].as.int64, number);
    assert_int_equal(page->statuses[slot], ENTC_OK);
    assert_int_equal(((const struct seat *)entity_record(page->entities[slot]))->number, number);
}

static void pages_hold_all_parts_of_their_childrens_ids(void **state)
{
    struct theatre *theatre = *state;
    struct world *world = theatre->family->world;
    const entc_relation_desc desc = ENTC_HAS_MANY("seats", "user_id", NULL);
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(2);
    struct entc_relation *relation = NULL;
    struct entc_page *pages[2];
    entc_value parents[2];
    entc_op *op = NULL;

    put_seat(theatre, "upper", 7, 2);
    put_seat(theatre, "a", 1, 1);
    put_seat(theatre, "a", 2, 1);
    put_seat(theatre, "b", 1, 1);
    world_value(&parents[0], 1);
    world_value(&parents[1], 2);
    assert_int_equal(relation_new(world->users, theatre->seats, &desc, &relation, NULL), ENTC_OK);
    assert_int_equal(relation_pages(relation, parents, 2, &args, 0, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    family_take(op, pages, 2);
    assert_int_equal(pages[0]->count, 2);
    assert_int_equal(pages[0]->has_next, 1);
    assert_seat(pages[0], 0, "a", 1);
    assert_seat(pages[0], 1, "a", 2);
    assert_int_equal(pages[1]->count, 1);
    assert_seat(pages[1], 0, "upper", 7);
    assert_non_null(strstr(fake_journal_take(&world->journal),
                           "PAGES seats limit 3 of user_id 1 2\n"
                           "MGET Seat-a,1 Seat-a,2 Seat-upper,7\n"));
    relation_page_unref(pages[0]);
    relation_page_unref(pages[1]);
    engine_op_unref(op);
    relation_unref(relation);
}

static void a_key_downwards_is_all_its_columns_downwards(void **state)
{
    struct theatre *theatre = *state;
    struct world *world = theatre->family->world;
    entc_relation_desc desc = ENTC_HAS_MANY("seats", "user_id", NULL);
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(2);
    struct entc_relation *relation = NULL;
    entc_value parent;
    entc_op *op = NULL;

    desc.order_descending = 1;
    world_value(&parent, 1);
    assert_int_equal(relation_new(world->users, theatre->seats, &desc, &relation, NULL), ENTC_OK);
    assert_int_equal(relation_pages(relation, &parent, 1, &args, 0, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_journal(world, "PAGES seats limit 3 by hall down by No. down of user_id 1\n");
    engine_op_unref(op);
    assert_int_equal(relation_check(relation, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_journal(world, "CHECK seats by hall down by No. down of user_id\n");
    engine_op_unref(op);
    relation_unref(relation);
}

static void parents_of_a_key_of_several_fields_are_asked_for_by_all_their_parts(void **state)
{
    struct theatre *theatre = *state;
    struct world *world = theatre->family->world;
    const char *const columns[] = {"seat_hall", "seat_number"};
    entc_relation_desc desc = ENTC_HAS_MANY("pets", NULL, NULL);
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(2);
    struct entc_relation *relation = NULL;
    entc_value keys[6] = {{.type = ENTC_TEXT, .length = 1, .as.text = "a"},
                          {.type = ENTC_TEXT, .length = 1, .as.text = "7"},
                          {.type = ENTC_TEXT, .length = 1, .as.text = "b"},
                          {.type = ENTC_NULL},
                          {.type = ENTC_TEXT, .length = 1, .as.text = "a"}};
    struct entc_page *pages[3];
    entc_status statuses[3];
    entc_op *op = NULL;

    world_value(&keys[5], 7);
    desc.foreign_columns = columns;
    desc.foreign_count = 2;
    assert_int_equal(relation_new(theatre->seats, theatre->family->pets, &desc, &relation, NULL),
                     ENTC_OK);
    assert_int_equal(relation_pages(relation, keys, 3, &args, 0, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_int_equal(relation_op_take(op, pages, statuses, 3), ENTC_OK);
    assert_journal(world, "PAGES pets limit 3 of seat_hall,seat_number a,7\n");
    assert_int_equal(statuses[0], ENTC_OK);
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    assert_null(pages[1]);
    assert_ptr_equal(pages[0], pages[2]);
    relation_page_unref(pages[0]);
    relation_page_unref(pages[2]);
    engine_op_unref(op);
    relation_unref(relation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_hold_all_parts_of_their_childrens_ids, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_downwards_is_all_its_columns_downwards, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            parents_of_a_key_of_several_fields_are_asked_for_by_all_their_parts, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
