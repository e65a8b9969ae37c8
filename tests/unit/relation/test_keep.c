/* Proves that kept args hold all that was asked, borrow nothing, and equal only their like. */
#include "relation/relation.h"
#include "test.h"

#include "allocator.h"

struct asked {
    char words[4][8];
    entc_order order[2];
    entc_value values[4];
    entc_filter filters[2];
    entc_page_args args;
};

static void fill(struct asked *asked)
{
    static const char words[4][8] = {"rank", "title", "x\"y", "cursor"};
    const entc_order order[] = {{asked->words[0], 1, 0}, {asked->words[1], 0, 0}};

    memset(asked, 0, sizeof(*asked));
    memcpy(asked->words, words, sizeof(words));
    memcpy(asked->order, order, sizeof(order));
    entc_value_int64(&asked->values[0], 7);
    entc_value_text(&asked->values[1], asked->words[2], 3);
    entc_value_double(&asked->values[2], 0.5);
    entc_value_uuid(&asked->values[3], (const uint8_t *)"0123456789abcdef");
    asked->filters[0] = (entc_filter){asked->words[0], ENTC_EQUAL, 0, &asked->values[0], 1};
    asked->filters[1] = (entc_filter){asked->words[1], ENTC_IN, 0, &asked->values[1], 3};
    asked->args = (entc_page_args){.struct_size = sizeof(asked->args),
                                   .last = 5,
                                   .order = asked->order,
                                   .order_count = 2,
                                   .order_size = sizeof(order[0]),
                                   .after = asked->words[3],
                                   .filters = asked->filters,
                                   .filter_count = 2,
                                   .filter_size = sizeof(asked->filters[0]),
                                   .flags = ENTC_PAGE_TOTAL,
                                   .path = asked->words[2]};
}

static void a_copy_holds_all_and_borrows_nothing(void **state)
{
    struct asked asked;
    struct asked again;
    struct relation_kept_args *kept = NULL;
    const entc_page_args *args = NULL;

    (void)state;
    fill(&asked);
    fill(&again);
    kept = relation_args_keep(&asked.args, base_default_allocator());
    assert_non_null(kept);
    memset(&asked, 0xff, sizeof(asked));
    args = relation_kept_args(kept);
    assert_int_equal(relation_check_args(args, "args", NULL), ENTC_OK);
    assert_true(relation_args_are_kept(kept, &again.args));
    assert_int_equal(args->last, 5);
    assert_int_equal(args->flags, ENTC_PAGE_TOTAL);
    assert_string_equal(args->after, "cursor");
    assert_null(args->before);
    assert_string_equal(args->path, "x\"y");
    assert_string_equal(args->order[0].column, "rank");
    assert_int_equal(args->order[0].descending, 1);
    assert_string_equal(args->filters[1].column, "title");
    assert_int_equal(args->filters[1].value_count, 3);
    assert_memory_equal(args->filters[1].values[0].as.text, "x\"y", 3);
    relation_args_free(kept, base_default_allocator());
}

static void any_difference_is_another_page(void **state)
{
    static const char other[] = "other";
    struct asked asked;
    struct relation_kept_args *kept = NULL;

    (void)state;
    fill(&asked);
    kept = relation_args_keep(&asked.args, base_default_allocator());
    assert_non_null(kept);
#define DIFFERS(change)                                          \
    do {                                                         \
        fill(&asked);                                            \
        change;                                                  \
        assert_false(relation_args_are_kept(kept, &asked.args)); \
    } while (0)
    DIFFERS(asked.args.first = 1);
    DIFFERS(asked.args.last = 6);
    DIFFERS(asked.args.flags = 0);
    DIFFERS(asked.order[1].flags = ENTC_ORDER_THROUGH);
    DIFFERS(asked.args.after = NULL);
    DIFFERS(asked.args.after = other);
    DIFFERS(asked.args.before = other);
    DIFFERS(asked.args.order_count = 1);
    DIFFERS(asked.order[0].column = other);
    DIFFERS(asked.order[1].descending = 1);
    DIFFERS(asked.args.filter_count = 1);
    DIFFERS(asked.filters[0].column = other);
    DIFFERS(asked.filters[0].test = ENTC_LESS);
    DIFFERS(asked.filters[1].value_count = 2);
    DIFFERS(asked.values[0].as.int64 = 8);
    DIFFERS(asked.words[2][1] = '!');
    DIFFERS(asked.values[1].length = 2);
    DIFFERS(asked.values[2].as.real = 0.25);
    DIFFERS(asked.values[2].type = ENTC_INT64);
    DIFFERS(asked.values[3].as.bytes[15] = 0);
#undef DIFFERS
    fill(&asked);
    assert_true(relation_args_are_kept(kept, &asked.args));
    relation_args_free(kept, base_default_allocator());
}

static void memory_that_is_out_is_told(void **state)
{
    struct test_allocator memory;
    struct asked asked;

    (void)state;
    fill(&asked);
    test_allocator_init(&memory);
    test_allocator_fail_at(&memory, 1, false);
    assert_null(relation_args_keep(&asked.args, &memory.allocator));
    assert_int_equal(test_allocator_live(&memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_holds_all_and_borrows_nothing),
        cmocka_unit_test(any_difference_is_another_page),
        cmocka_unit_test(memory_that_is_out_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
