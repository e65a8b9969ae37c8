/* What the tests of kinds of relations share: people and the clubs that they are members of, the
 * seats of halls, and who booked them. Pages are written as text, so that a test reads like its
 * answer. */
#ifndef ENTC_TEST_CLUBS_H
#define ENTC_TEST_CLUBS_H

#include "fixture.h"

/* For cmocka_run_group_tests: fixture_start() and the tables.
 *
 * People 1 to 6; boss_id: 2 and 3 have 1, 4 has 2, 5 has 9 (who is nobody), 1 and 6 have none.
 * Clubs 10 to 13, each with a rank of its own: 40, 30, 20, 10; 13 is hidden from reads. Members:
 * person 1 in 10, 11, 12, 13 since 3, 2, 1, 0; person 2 in 11 since 5, and twice in 12 since 4;
 * person 3 in 99, which is no club. The table of members has columns named as those of clubs.
 * Seats (hall, number): (a, 1), (a, 2), (b, 1). Bookings 1 to 5: (a, 1), (a, 1), (b, 1), (a, NULL),
 * (c, 1). Seats are of people by seat_owners: (a, 1) of 1 and 2, (b, 1) of 2. */
int clubs_start(void **state);

struct clubs {
    struct fixture *f;
    BaseCacheRepository *people;
    BaseCacheRepository *clubs;
    BaseCacheRepository *seats;
    BaseCacheRepository *bookings;
};

/* Of the test that runs. */
extern struct clubs the_clubs;
/* For each test: fixture_open() and the repositories. */
int clubs_open(void **state);
int clubs_close(void **state);

/* One test, in both drive modes. */
/* clang-format off */
#define WITH_CLUBS(test)                                                     \
    {#test " (waiters)", test, clubs_open, clubs_close, &fixture_waiters}, \
    {#test " (host)", test, clubs_open, clubs_close, &fixture_host}
/* clang-format on */

/* From a person to the boss. */
extern const entc_relation_desc clubs_has_boss;
/* From a person to clubs, by the club's key. */
entc_relation_desc clubs_has_clubs(void);
/* Of bookings, and of seat_owners: they hold the key of a seat. */
extern const char *const clubs_seat_columns[2];
extern const char *const clubs_owner_columns[2];

/* Makes a relation that has to be right. */
entc_relation *clubs_relation(struct clubs *clubs, BaseCacheRepository *parents,
                              BaseCacheRepository *children, const entc_relation_desc *desc);

/* The pages of `count` parents: ids of a page with commas between (parts of one id with a colon),
 * pages with blanks between; "+" more follow, "?" behind an id whose entity is absent, "-" an empty
 * page, "!" none. */
void clubs_assert_pages(struct clubs *clubs, entc_relation *relation, const entc_value *keys,
                        size_t count, const entc_page_args *args, const char *expected);
/* The same for parents whose keys are integers. */
void clubs_assert_pages_of(struct clubs *clubs, entc_relation *relation, int64_t from, int64_t to,
                           int32_t first, const char *expected);
/* Writes pages in that form, and gives their references back. */
void clubs_write_pages(entc_page **pages, size_t count, size_t parts, char *out, size_t size);

#endif
