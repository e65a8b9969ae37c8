/* A query that keeps what it is given, for the tests of rows and values. */
#ifndef ENTC_TEST_POSTGRES_GIVEN_H
#define ENTC_TEST_POSTGRES_GIVEN_H

#include "shapes.h"

#define GIVEN_MAX 8

/* What a query was given. */
struct given {
    struct db_query query; /* first */
    struct postgres_reader *reader;
    struct entc_entity *entities[GIVEN_MAX];
    size_t entity_count;
    entc_value ids[GIVEN_MAX];
    size_t parents[GIVEN_MAX];
    char texts[GIVEN_MAX][64];
    size_t id_count;
    int64_t bad_ids[GIVEN_MAX];
    size_t bad_count;
    char story[512];
    size_t detach_after; /* entities or ids; 0: never */
};

struct fixture {
    struct postgres_reader reader;
    struct given given;
    struct schema_model *model;
};

/* A reader, and a query of this kind about a table with these fields. */
void prepare(struct fixture *fixture, enum db_kind kind, const entc_field *fields,
             size_t field_count);
void clean(struct fixture *fixture);
/* Gives the result to the query, and clears it. */
entc_status give(struct fixture *fixture, PGresult *result);
/* The message of the last failure. */
const char *story(const struct fixture *fixture);
void take_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                  const entc_error *error);

#endif
