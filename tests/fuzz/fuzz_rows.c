/* The row decoder. A result of any shape with any cells: rows that are taken are entities that can
 * be written and read, ids are what the cells hold, and everything else is refused with a story. */
#include "codec/codec.h"
#include "fuzz.h"
#include "postgres/internal.h"

#include <stdlib.h>

#define OIDS_MAX 16
#define OID_END 5000
#define COLUMNS_MAX (2 * FUZZ_TYPES + 2)
#define ROWS_MAX 8
#define PARENTS 3

struct asked {
    struct db_query query; /* first */
    struct postgres_reader *reader;
    size_t given;
    size_t bad;
    size_t detach_after; /* 0: never */
};

static struct asked *asked_of(struct db_query *query)
{
    return (struct asked *)(void *)query;
}

static void count(struct asked *asked)
{
    asked->given++;
    if (asked->given == asked->detach_after)
        asked->reader->query = NULL;
}

/* TEXT that is no UTF-8 or holds NUL is refused: a database may hold it, the cache may not. */
static void take_entity(struct db_query *query, struct entc_entity *entity)
{
    static struct entity_draft draft;
    struct entc_entity *back = NULL;
    struct buffer json;

    FUZZ_CHECK(asked_of(query)->reader->query == query);
    if (!draft.type)
        FUZZ_CHECK(entity_draft_init(&draft, fuzz_every_type()) == ENTC_OK);
    buffer_init(&json, base_default_allocator());
    switch (codec_encode(entity, &json)) {
    case CODEC_OK:
        FUZZ_CHECK(codec_decode(&draft, json.bytes, json.length, &back) == CODEC_ENTITY);
        FUZZ_CHECK(back->block_size == entity->block_size);
        entity_unref(back);
        break;
    case CODEC_UNCACHEABLE:
        /* Written, but what comes back is another entity: JSON's null becomes SQL's NULL. */
        break;
    case CODEC_REFUSED:
        FUZZ_CHECK(json.length == 0);
        break;
    case CODEC_OUT_OF_MEMORY:
        FUZZ_CHECK(false);
    }
    buffer_fini(&json);
    entity_unref(entity);
    count(asked_of(query));
}

static void check_id(const struct asked *asked, const entc_value *id)
{
    uint64_t sum = 0;

    FUZZ_CHECK(asked->reader->query == &asked->query);
    for (uint32_t i = 0; i < id->length; i++)
        sum += (unsigned char)id->as.text[i];
    FUZZ_CHECK(sum <= UINT64_C(255) * id->length);
}

static void take_id(struct db_query *query, size_t parent, const entc_value *id)
{
    check_id(asked_of(query), id);
    FUZZ_CHECK(parent < (query->kind == DB_PAGES ? PARENTS : 1));
    count(asked_of(query));
}

static void take_bad_row(struct db_query *query, const entc_value *id, entc_status status,
                         const entc_error *error)
{
    check_id(asked_of(query), id);
    FUZZ_CHECK(status == ENTC_E_SCHEMA && entc_error_code(error) == status);
    FUZZ_CHECK(*entc_error_message(error));
    asked_of(query)->bad++;
}

static void take_done(struct db_query *query, entc_status status, const entc_error *error)
{
    (void)query;
    (void)status;
    (void)error;
    FUZZ_CHECK(false);
}

/* ---- the result ---- */

/* Live types that serve a field type, found by asking. */
static Oid serving(uint32_t type, uint8_t choice)
{
    static Oid found[FUZZ_TYPES][OIDS_MAX];
    static uint8_t counts[FUZZ_TYPES];
    static bool is_sought;

    for (uint32_t t = 1; t < FUZZ_TYPES && !is_sought; t++)
        for (Oid oid = 1; oid < OID_END && counts[t] < OIDS_MAX; oid++)
            if (postgres_reading_of(t, oid) != READING_NONE)
                found[t][counts[t]++] = oid;
    is_sought = true;
    return counts[type] ? found[type][choice % counts[type]] : 0;
}

/* A byte for each column: which of the types that serve; or 0xFF and any type. */
static Oid read_oid(struct fuzz_input *input, uint32_t field_type)
{
    const uint8_t choice = fuzz_byte(input);

    return choice == 0xFF ? fuzz_uint32(input) : serving(field_type, choice);
}

static int describe(struct fuzz_input *input, const struct asked *asked, PGresult *result)
{
    const struct schema_type *type = asked->query.model->type;
    PGresAttDesc columns[COLUMNS_MAX];
    char name[] = "column";
    int wanted = asked->query.kind == DB_BY_IDS ? (int)type->field_count
                 : asked->query.kind == DB_LIST ? 1
                                                : 2;
    /* Nearly always as many as are expected. */
    const uint8_t other = fuzz_byte(input);

    if (other >= 0xF0)
        wanted = other - 0xF0;
    memset(columns, 0, sizeof(columns));
    for (int i = 0; i < wanted; i++) {
        const bool is_field = asked->query.kind == DB_BY_IDS && i < (int)type->field_count;

        columns[i].name = name;
        columns[i].format = 1;
        columns[i].typid = read_oid(input, is_field ? type->fields[i].type : ENTC_INT64);
    }
    FUZZ_CHECK(wanted == 0 || PQsetResultAttrs(result, wanted, columns));
    return wanted;
}

/* A cell: its length, or 0xFF for NULL, and its bytes. */
static void fill(struct fuzz_input *input, PGresult *result, int columns)
{
    const int rows = fuzz_byte(input) % (ROWS_MAX + 1);

    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            const uint8_t size = fuzz_byte(input);
            const struct span cell = fuzz_span(input, size == 0xFF ? 0 : size);
            char *copy = fuzz_copy(cell);

            FUZZ_CHECK(PQsetvalue(result, row, column, size == 0xFF ? NULL : copy,
                                  size == 0xFF ? -1 : (int)cell.length));
            free(copy);
        }
    }
}

static struct schema_model *model_of(struct schema_type *type)
{
    const entc_model_desc desc = {.struct_size = sizeof(desc), .table = "things"};
    struct schema_model *model = NULL;

    FUZZ_CHECK(schema_model_new(&desc, type, &model, NULL) == ENTC_OK);
    return model;
}

static void check(struct asked *asked, entc_status status, int rows)
{
    const struct postgres_reader *reader = asked->reader;

    /* Of pages a row is a parent, and what counts are the children in its array. */
    const uint64_t whole = asked->query.kind == DB_PAGES ? asked->query.rows : (uint64_t)rows;

    FUZZ_CHECK(asked->query.rows == whole);
    FUZZ_CHECK(asked->given + asked->bad <= whole);
    if (status == ENTC_OK && reader->query)
        FUZZ_CHECK(asked->given + asked->bad == whole);
    if (status == ENTC_OK)
        return;
    FUZZ_CHECK(status == ENTC_E_SCHEMA || status == ENTC_E_DATABASE);
    FUZZ_CHECK(entc_error_code(reader->error) == status);
    FUZZ_CHECK(*entc_error_message(reader->error));
}

/* kind and what the query wants | key's type | columns | rows */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    const uint8_t kind = fuzz_byte(&input);
    struct schema_type *type = fuzz_key_type(fuzz_byte(&input) % FUZZ_TYPES);
    struct postgres_reader reader;
    const struct db_link link = {.count = 1};
    struct asked asked = {.reader = &reader, .detach_after = kind >> 4};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    entc_status status = ENTC_OK;
    int columns = 0;

    FUZZ_CHECK(result != NULL);
    asked.query = (struct db_query){.kind = (enum db_kind)(kind % 3),
                                    .id_count = PARENTS,
                                    .link = &link,
                                    .entity = take_entity,
                                    .id = take_id,
                                    .bad_row = kind & 8 ? NULL : take_bad_row,
                                    .done = take_done};
    asked.query.model = model_of(asked.query.kind == DB_BY_IDS || !type ? fuzz_every_type() : type);
    postgres_reader_init(&reader, base_default_allocator());
    columns = describe(&input, &asked, result);
    if (columns > 0)
        fill(&input, result, columns);
    status = postgres_reader_give(&reader, &asked.query, result);
    check(&asked, status, PQntuples(result));
    PQclear(result);
    postgres_reader_fini(&reader);
    schema_model_unref((struct schema_model *)asked.query.model);
    return 0;
}
