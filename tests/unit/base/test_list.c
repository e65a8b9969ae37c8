/* Proves that a list keeps order, gives each node once, and may be changed by nodes that are
 * outside. */
#include "base/base.h"
#include "test.h"

struct thing {
    int number;
    struct list link;
};

static void nodes_come_off_in_the_order_they_were_pushed(void **state)
{
    struct thing things[3] = {{1, {0}}, {2, {0}}, {3, {0}}};
    struct list head;

    (void)state;
    list_init(&head);
    assert_true(list_is_empty(&head));
    for (size_t i = 0; i < 3; i++)
        list_push(&head, &things[i].link);
    assert_false(list_is_empty(&head));
    for (int i = 1; i <= 3; i++) {
        struct list *node = list_pop(&head);

        assert_non_null(node);
        assert_int_equal(BASE_CONTAINER(node, struct thing, link)->number, i);
        assert_false(list_is_linked(node));
    }
    assert_null(list_pop(&head));
    assert_true(list_is_empty(&head));
}

static void a_node_can_leave_from_any_place_and_only_once(void **state)
{
    (void)state;
    for (size_t leaving = 0; leaving < 3; leaving++) {
        struct thing things[3] = {{0, {0}}, {1, {0}}, {2, {0}}};
        struct list head;

        list_init(&head);
        for (size_t i = 0; i < 3; i++)
            list_push(&head, &things[i].link);
        assert_true(list_is_linked(&things[leaving].link));
        list_remove(&things[leaving].link);
        list_remove(&things[leaving].link);
        assert_false(list_is_linked(&things[leaving].link));
        for (size_t i = 0; i < 3; i++)
            if (i != leaving)
                assert_ptr_equal(list_pop(&head), &things[i].link);
        assert_true(list_is_empty(&head));
    }
}

static void a_node_that_left_can_be_pushed_again(void **state)
{
    struct thing things[2] = {{0, {0}}, {1, {0}}};
    struct list head;

    (void)state;
    list_init(&head);
    list_push(&head, &things[0].link);
    list_push(&head, &things[1].link);
    list_remove(&things[0].link);
    list_push(&head, &things[0].link);
    assert_ptr_equal(list_pop(&head), &things[1].link);
    assert_ptr_equal(list_pop(&head), &things[0].link);
    assert_null(list_pop(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_off_in_the_order_they_were_pushed),
        cmocka_unit_test(a_node_can_leave_from_any_place_and_only_once),
        cmocka_unit_test(a_node_that_left_can_be_pushed_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
