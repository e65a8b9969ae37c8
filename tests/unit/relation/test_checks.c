/* Proves that what cannot be meant is refused before anything is sent, by name and with a cure. */
#include "family.h"

static void assert_refused(entc_status status, entc_error **error, const char *words)
{
    assert_int_equal(status, ENTC_E_INVALID);
    assert_int_equal(entc_error_code(*error), ENTC_E_INVALID);
    if (!strstr(entc_error_message(*error), words))
        fail_msg("\"%s\" does not say \"%s\"", entc_error_message(*error), words);
    assert_true(entc_error_hint(*error)[0] != '\0');
}

static void refuses(struct family *family, const entc_page_args *args, const char *words)
{
    const struct repository_call call = world_call(NULL);
    entc_error *error = NULL;
    entc_op *op = NULL;

    assert_refused(relation_list(family->world->users, args, &call, &op, &error), &error, words);
    assert_refused(relation_pages(family->has_pets, NULL, 0, args, 0, &call, &op, &error), &error,
                   words);
    assert_null(op);
    entc_error_free(error);
    assert_string_equal(fake_journal_take(&family->world->journal), "");
}

static void page_arguments_are_checked_by_name(void **state)
{
    struct family *family = *state;
    entc_page_args args = ENTC_FIRST(0);

    refuses(family, NULL, "args is NULL");
    refuses(family, &args, "args.first is 0");
    args.first = -5;
    refuses(family, &args, "args.first is -5");
    args.first = 1;
    args.reserved = 3;
    refuses(family, &args, "args.reserved is 3");
    args.reserved = 0;
    args.struct_size = 8;
    refuses(family, &args, "args.struct_size is 8");
    args.struct_size = SIZE_MAX;
    refuses(family, &args, "args.struct_size");
}

static void a_longer_struct_is_accepted_when_its_tail_is_zero(void **state)
{
    struct family *family = *state;
    struct {
        entc_page_args args;
        uint64_t more;
    } longer = {.args = ENTC_FIRST(1)};
    const struct repository_call call = world_call(NULL);
    entc_op *op = NULL;

    longer.args.struct_size = sizeof(longer);
    assert_int_equal(relation_list(family->world->users, &longer.args, &call, &op, NULL), ENTC_OK);
    world_settle(family->world);
    assert_done(op, ENTC_OK);
    engine_op_unref(op);
    fake_journal_take(&family->world->journal);
    longer.more = 1;
    refuses(family, &longer.args, "does not know");
}

static void order_columns_are_checked_by_name(void **state)
{
    struct family *family = *state;
    entc_order order[2] = {{"name", 0, 0}, {NULL, 0, 0}};
    entc_page_args args = ENTC_FIRST(1);
    char longest[65];

    args.order_count = 2;
    refuses(family, &args, "args.order is NULL, but order_count is 2");
    args.order = order;
    refuses(family, &args, "args.order_size is 0");
    args.order_size = sizeof(order[0]);
    refuses(family, &args, "args.order[1].column is NULL");
    order[1].column = "";
    refuses(family, &args, "args.order[1].column is empty");
    order[1].column = "\xff";
    refuses(family, &args, "args.order[1].column is not UTF-8");
    memset(longest, 'x', 64);
    longest[64] = '\0';
    order[1].column = longest;
    refuses(family, &args, "args.order[1].column is longer than 63 bytes");
    longest[63] = '\0';
    order[1].descending = 2;
    refuses(family, &args, "args.order[1].descending is 2");
    order[1].descending = 1;
    order[1].flags = 8;
    refuses(family, &args, "args.order[1].flags is 8");
    order[1].flags = ENTC_ORDER_THROUGH;
    refuses(family, &args,
            "args.order[1].flags has ENTC_ORDER_THROUGH, but there is no join table");
    args.order_count = SIZE_MAX;
    refuses(family, &args, "args.order_count");
}

static void parents_are_checked_by_name(void **state)
{
    struct family *family = *state;
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(1);
    entc_error *error = NULL;
    entc_op *op = NULL;

    assert_refused(relation_pages(family->has_pets, NULL, 2, &args, 0, &call, &op, &error), &error,
                   "parent_ids is NULL, but count is 2");
    assert_refused(relation_pages(family->has_pets, (const entc_value *)family, SIZE_MAX, &args, 0,
                                  &call, &op, &error),
                   &error, "count is 18446744073709551615");
    entc_error_free(error);
}

static void refuses_relation(struct family *family, struct entc_repository_impl *parents,
                             const entc_relation_desc *desc, const char *words)
{
    struct entc_relation *relation = NULL;
    entc_error *error = NULL;

    assert_refused(relation_new(parents, family->pets, desc, &relation, &error), &error, words);
    assert_null(relation);
    entc_error_free(error);
}

static void relations_are_checked_by_name(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *users = family->world->users;
    struct world *other = world_new();
    entc_relation_desc desc = ENTC_HAS_MANY("pets", "owner_id", "name");

    refuses_relation(family, users, NULL, "desc is NULL");
    refuses_relation(family, other->users, &desc, "two engines");
    desc.struct_size = 1;
    refuses_relation(family, users, &desc, "desc.struct_size is 1");
    desc.struct_size = sizeof(desc);
    desc.kind = 7;
    refuses_relation(family, users, &desc, "desc.kind");
    desc.kind = ENTC_RELATION_HAS_MANY;
    desc.order_descending = 2;
    refuses_relation(family, users, &desc, "desc.order_descending");
    desc.order_descending = 0;
    desc.foreign_column = NULL;
    refuses_relation(family, users, &desc, "desc.foreign_column is NULL");
    desc.foreign_column = "owner_id";
    desc.order_column = "";
    refuses_relation(family, users, &desc, "desc.order_column is empty");
    desc.order_column = "name";
    desc.name = "";
    refuses_relation(family, users, &desc, "desc.name");
    world_free(other);
}

static void closed_repositories_are_refused_by_name(void **state)
{
    struct family *family = *state;
    const entc_relation_desc desc = ENTC_HAS_MANY("pets", "owner_id", "name");
    const struct repository_call call = world_call(NULL);
    const entc_page_args args = ENTC_FIRST(1);
    struct entc_relation *relation = NULL;
    entc_error *error = NULL;
    entc_op *op = NULL;

    repository_close(family->pets);
    assert_int_equal(relation_new(family->world->users, family->pets, &desc, &relation, &error),
                     ENTC_E_CLOSED);
    assert_int_equal(relation_pages(family->has_pets, NULL, 0, &args, 0, &call, &op, &error),
                     ENTC_E_CLOSED);
    assert_non_null(strstr(entc_error_message(error), "Pet"));
    repository_close(family->world->users);
    assert_int_equal(relation_new(family->world->users, family->pets, &desc, &relation, &error),
                     ENTC_E_CLOSED);
    assert_non_null(strstr(entc_error_message(error), "User"));
    assert_int_equal(relation_pages(family->has_pets, NULL, 0, &args, 0, &call, &op, &error),
                     ENTC_E_CLOSED);
    assert_int_equal(relation_list(family->world->users, &args, &call, &op, &error), ENTC_E_CLOSED);
    entc_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, family_set_up, family_tear_down)
        TEST(page_arguments_are_checked_by_name),
        TEST(a_longer_struct_is_accepted_when_its_tail_is_zero),
        TEST(order_columns_are_checked_by_name),
        TEST(parents_are_checked_by_name),
        TEST(relations_are_checked_by_name),
        TEST(closed_repositories_are_refused_by_name),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
