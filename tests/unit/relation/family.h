/* What the tests of this room share: users who have pets. A pet is a struct user of table "pets",
 * whose rows name their owner. */
#ifndef ENTC_TEST_FAMILY_H
#define ENTC_TEST_FAMILY_H

#include "world.h"

struct family {
    struct world *world;
    struct entc_repository_impl *pets;
    struct entc_relation *has_pets; /* ordered by name */
};

/* Users 1 to 4; pets 11, 12, 13 of user 1, 21 of user 2, none of user 3, 41 and 42 of user 4. */
struct family *family_new(void);
/* With an allocator that fails; NULL when that made the making fail. */
struct family *family_new_failing(uint64_t n, bool from_then_on);
void family_free(struct family *family);
int family_set_up(void **state);
int family_tear_down(void **state);

/* Submits the first `first` pets of these users; must be accepted. */
entc_op *family_pages(struct family *family, const int64_t *ids, size_t count, int32_t first);
entc_op *family_list(struct family *family, int32_t first);

/* Takes the pages of an operation that is done and well. */
void family_take(entc_op *op, struct entc_page **pages, size_t count);
/* The page has these ids, and their entities. */
void assert_page(const struct entc_page *page, const int64_t *ids, size_t count, int32_t has_next);

#endif
