/* Proves that every descriptor of a relation or a lookup that cannot be meant is refused before
 * anything is sent, with a message that names the member, and a cure. */
#include "family.h"

struct book {
    entc_str isbn;
    int64_t copy;
    int64_t owner;
    entc_str title;
    double price;
};

static const entc_field book_fields[] = {ENTC_FIELD(struct book, isbn, ENTC_TEXT, ENTC_KEY),
                                         ENTC_FIELD(struct book, copy, ENTC_INT64, ENTC_KEY),
                                         ENTC_FIELD(struct book, owner, ENTC_INT64, 0),
                                         ENTC_FIELD(struct book, title, ENTC_TEXT, 0),
                                         ENTC_FIELD(struct book, price, ENTC_DOUBLE, 0)};
static const entc_column book_columns[] = {{"owner", "owner_id"}};
static const entc_entity_desc book_entity = ENTC_ENTITY("Book", struct book, book_fields);

static struct entc_repository_impl *open_books(struct family *family)
{
    entc_model_desc model = ENTC_MODEL("books");
    struct entc_repository_impl *books = NULL;

    model.columns = book_columns;
    model.column_count = 1;
    model.column_size = sizeof(book_columns[0]);
    assert_int_equal(repository_new(family->world->services, &model, &book_entity, &books, NULL),
                     ENTC_OK);
    return books;
}

static void close_books(struct entc_repository_impl *books)
{
    repository_close(books);
    repository_unref(books);
}

static void refuses(struct entc_repository_impl *parents, struct entc_repository_impl *children,
                    const entc_relation_desc *desc, const char *words)
{
    struct entc_relation *relation = NULL;
    entc_error *error = NULL;

    assert_int_equal(relation_new(parents, children, desc, &relation, &error), ENTC_E_INVALID);
    assert_null(relation);
    if (!strstr(entc_error_message(error), words))
        fail_msg("\"%s\" does not say \"%s\"", entc_error_message(error), words);
    assert_true(entc_error_hint(error)[0] != '\0');
    entc_error_free(error);
}

static void kind_guard_and_limit_are_checked_by_name(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *users = family->world->users;
    entc_relation_desc desc = ENTC_HAS_MANY("pets", "owner_id", NULL);

    desc.kind = 0;
    refuses(users, family->pets, &desc, "desc.kind is 0");
    desc.kind = 4;
    refuses(users, family->pets, &desc, "desc.kind is 4");
    desc.kind = ENTC_RELATION_HAS_MANY;
    desc.guard = 2;
    refuses(users, family->pets, &desc, "desc.guard is 2");
    desc.guard = 0;
    desc.max_first = -1;
    refuses(users, family->pets, &desc, "desc.max_first is -1");
}

static void columns_are_as_many_as_the_key_has_fields(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *books = open_books(family);
    const char *const columns[] = {"isbn", "copy", "third"};
    const char *const hollow[] = {"isbn", NULL};
    entc_relation_desc desc = ENTC_HAS_MANY("readers", "isbn", NULL);

    refuses(books, family->pets, &desc,
            "desc.foreign_column: 1 given, but the key of entity \"Book\" has 2");
    desc.foreign_columns = columns;
    desc.foreign_count = 2;
    refuses(books, family->pets, &desc,
            "desc.foreign_column and desc.foreign_columns are both set");
    desc.foreign_column = NULL;
    desc.foreign_count = 3;
    refuses(books, family->pets, &desc, "desc.foreign_columns: 3 given");
    desc.foreign_count = SIZE_MAX;
    refuses(books, family->pets, &desc, "desc.foreign_columns");
    desc.foreign_count = 0;
    refuses(books, family->pets, &desc, "desc.foreign_columns: 0 given");
    desc.foreign_columns = hollow;
    desc.foreign_count = 2;
    refuses(books, family->pets, &desc, "desc.foreign_columns[1] is NULL");
    desc.foreign_columns = NULL;
    refuses(books, family->pets, &desc, "desc.foreign_columns is NULL, but its count is 2");
    close_books(books);
}

static void a_join_table_belongs_to_many_to_many_alone(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *users = family->world->users;
    entc_relation_desc desc = ENTC_MANY_TO_MANY("pets", "user_pet", "user_id", "pet_id", NULL);

    desc.through = NULL;
    refuses(users, family->pets, &desc, "desc.through is NULL");
    desc.through = "user_pet";
    desc.through_schema = "";
    refuses(users, family->pets, &desc, "desc.through_schema is empty");
    desc.through_schema = NULL;
    desc.child_column = NULL;
    refuses(users, family->pets, &desc, "desc.child_column is NULL");
    desc.child_column = "pet_id";
    desc.child_count = 2;
    refuses(users, family->pets, &desc, "desc.child_columns is NULL, but its count is 2");
    desc.child_count = 0;
    desc.kind = ENTC_RELATION_HAS_MANY;
    refuses(users, family->pets, &desc, "desc.through is set, but desc.kind is not");
    desc.through = NULL;
    refuses(users, family->pets, &desc, "desc.child_column is set, but desc.kind is not");
}

static void orders_are_checked_by_name(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *users = family->world->users;
    entc_order order[] = {{"name", 0, 0}, {NULL, 0, 0}};
    entc_relation_desc desc = ENTC_HAS_MANY("pets", "owner_id", "name");

    desc.order = order;
    desc.order_count = 2;
    desc.order_size = sizeof(order[0]);
    refuses(users, family->pets, &desc, "desc.order and desc.order_column are both set");
    desc.order_column = NULL;
    desc.order_descending = 1;
    refuses(users, family->pets, &desc, "desc.order and desc.order_descending are both set");
    desc.order_descending = 0;
    refuses(users, family->pets, &desc, "desc.order[1].column is NULL");
    order[1].column = "age";
    order[1].descending = 3;
    refuses(users, family->pets, &desc, "desc.order[1].descending is neither 0 nor 1");
    order[1].descending = 1;
    order[1].flags = 6;
    refuses(users, family->pets, &desc, "desc.order[1].flags has the unknown flags 0x6");
    order[1].flags = ENTC_ORDER_THROUGH;
    refuses(users, family->pets, &desc, "desc.order[1].flags has ENTC_ORDER_THROUGH");
    desc.order_size = 4;
    refuses(users, family->pets, &desc, "desc.order_size is 4");
    desc.order_count = SIZE_MAX;
    refuses(users, family->pets, &desc, "desc.order_count is");
    desc.order_count = 1;
    desc.order = NULL;
    refuses(users, family->pets, &desc, "desc.order is NULL, but order_count is 1");
}

static void what_an_entity_belongs_to_is_named_by_declared_fields_of_the_keys_types(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *users = family->world->users;
    struct entc_repository_impl *books = open_books(family);
    const char *const columns[] = {"owner_id", "copy"};
    entc_relation_desc desc = ENTC_BELONGS_TO("owner", "owner");

    refuses(books, users, &desc, "entity \"Book\" has no field of column \"owner\"");
    desc.foreign_column = "title";
    refuses(books, users, &desc,
            "field \"title\" of entity \"Book\" is ENTC_TEXT, but the key of entity \"User\" is "
            "ENTC_INT64");
    desc.foreign_column = "owner_id";
    desc.order_column = "name";
    refuses(books, users, &desc, "desc.order is set");
    desc.order_column = NULL;
    refuses(users, books, &desc, "desc.foreign_column: 1 given, but the key of entity \"Book\"");
    desc.foreign_column = NULL;
    desc.foreign_columns = columns;
    desc.foreign_count = 2;
    refuses(books, books, &desc, "field \"owner\" of entity \"Book\" is ENTC_INT64");
    close_books(books);
}

static void refuses_lookup(struct entc_repository_impl *impl, const char *const *fields,
                           size_t count, entc_status status, const char *words)
{
    struct entc_lookup *lookup = NULL;
    entc_error *error = NULL;

    assert_int_equal(relation_lookup_new(impl, fields, count, &lookup, &error), status);
    assert_null(lookup);
    if (!strstr(entc_error_message(error), words))
        fail_msg("\"%s\" does not say \"%s\"", entc_error_message(error), words);
    entc_error_free(error);
}

static void the_fields_of_a_lookup_are_checked_by_name(void **state)
{
    struct family *family = *state;
    struct entc_repository_impl *books = open_books(family);
    const char *const fields[] = {"title", "title"};
    const char *const column[] = {"owner_id"};
    const char *const price[] = {"price"};
    const char *const hollow[] = {NULL};

    refuses_lookup(books, fields, 0, ENTC_E_INVALID, "it has no field");
    refuses_lookup(books, fields, SIZE_MAX, ENTC_E_INVALID, "it has too many fields");
    refuses_lookup(books, fields, 2, ENTC_E_INVALID, "field \"title\" is named twice");
    refuses_lookup(books, column, 1, ENTC_E_INVALID, "field \"owner_id\" is not declared");
    refuses_lookup(books, hollow, 1, ENTC_E_INVALID, "one of its fields is NULL");
    refuses_lookup(books, price, 1, ENTC_E_UNSUPPORTED,
                   "field \"price\" is of a type that no key has");
    repository_close(books);
    refuses_lookup(books, fields, 1, ENTC_E_CLOSED, "Book");
    repository_unref(books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, family_set_up, family_tear_down)
        TEST(kind_guard_and_limit_are_checked_by_name),
        TEST(columns_are_as_many_as_the_key_has_fields),
        TEST(a_join_table_belongs_to_many_to_many_alone),
        TEST(orders_are_checked_by_name),
        TEST(what_an_entity_belongs_to_is_named_by_declared_fields_of_the_keys_types),
        TEST(the_fields_of_a_lookup_are_checked_by_name),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
