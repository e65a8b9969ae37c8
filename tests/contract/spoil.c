/* Writing spoilt values, and judging what the library made of them. */
#include "spoil.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row for each type, and for each that may be NULL one that is and one that is not. */
static const struct column {
    const char *name;
    uint32_t type;
    uint32_t flags;
    const char *definition;
    const char *value;
} columns[] = {
    {"id", ENTC_INT64, ENTC_KEY, "bigint PRIMARY KEY", "i"},
    {"flag", ENTC_BOOL, 0, "bool NOT NULL", "true"},
    {"maybe_flag", ENTC_BOOL, ENTC_NULLABLE, "bool", "NULL"},
    {"whole", ENTC_INT64, 0, "bigint NOT NULL", "-9007199254740993"},
    {"real", ENTC_DOUBLE, 0, "double precision NOT NULL", "-12.5e-9"},
    {"maybe_real", ENTC_DOUBLE, ENTC_NULLABLE, "double precision", "'-Infinity'"},
    {"words", ENTC_TEXT, 0, "text NOT NULL", "E'a\"b\\\\\\\\c\\n\\u20ac \\U0001F600'"},
    {"maybe_words", ENTC_TEXT, ENTC_NULLABLE, "text", "NULL"},
    {"instant", ENTC_TIMESTAMP, 0, "timestamptz NOT NULL", "'2026-11-22 10:00:00.25+00'"},
    {"maybe_instant", ENTC_TIMESTAMP, ENTC_NULLABLE, "timestamptz", "'infinity'"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

#define FIRST 100001

/* ---- the rows ---- */

static void make_rows(struct fixture *f, size_t count)
{
    char table[2048] = "DROP TABLE IF EXISTS spoilt; CREATE TABLE spoilt (";
    char values[2048] = "";
    char sql[4608];

    for (int i = 0; i < COLUMNS; i++) {
        snprintf(table + strlen(table), sizeof(table) - strlen(table), "%s%s %s", i ? ", " : "",
                 columns[i].name, columns[i].definition);
        snprintf(values + strlen(values), sizeof(values) - strlen(values), "%s%s", i ? ", " : "",
                 columns[i].value);
    }
    snprintf(sql, sizeof(sql),
             "%s); INSERT INTO spoilt SELECT %s FROM generate_series(%d, %zu) AS i", table, values,
             FIRST, FIRST + count - 1);
    test_postgres_sql(&f->postgres, sql);
}

static void make_repository(struct spoil *spoil)
{
    const entc_model_desc model = ENTC_MODEL("spoilt");
    entc_field fields[COLUMNS];
    const entc_entity_desc entity = {sizeof(entity), "Spoilt", 0,
                                     fields,         COLUMNS,  sizeof(fields[0])};

    memset(fields, 0, sizeof(fields));
    for (int i = 0; i < COLUMNS; i++) {
        fields[i].name = columns[i].name;
        fields[i].type = columns[i].type;
        fields[i].flags = columns[i].flags;
    }
    assert_ok(spoil->f, entc_repository_new(spoil->f->engine, &model, &entity, NULL,
                                            &spoil->repository, &spoil->f->error));
}

static void get_all(struct spoil *spoil)
{
    int64_t *ids = calloc(spoil->count, sizeof(*ids));

    assert_non_null(ids);
    for (size_t i = 0; i < spoil->count; i++)
        ids[i] = spoil->first + (int64_t)i;
    assert_ok(spoil->f,
              entc_repository_get_many_int64(spoil->repository, ids, spoil->count, NULL,
                                             spoil->entities, spoil->statuses, &spoil->f->error));
    free(ids);
}

static struct spoil_value json_of(const entc_entity *entity)
{
    struct spoil_value value = {NULL, 0};
    entc_buffer *buffer = NULL;

    assert_int_equal(entc_buffer_new(&buffer), ENTC_OK);
    assert_int_equal(entc_entity_json(entity, buffer), ENTC_OK);
    value.length = entc_buffer_length(buffer);
    value.bytes = strdup(entc_buffer_text(buffer));
    assert_non_null(value.bytes);
    entc_buffer_free(buffer);
    return value;
}

void spoil_open(struct spoil *spoil, struct fixture *f, size_t count)
{
    *spoil = (struct spoil){.f = f, .first = FIRST, .count = count};
    spoil->entities = calloc(count, sizeof(entc_entity *));
    spoil->statuses = calloc(count, sizeof(*spoil->statuses));
    spoil->right = calloc(count, sizeof(*spoil->right));
    spoil->spoilt = calloc(count, sizeof(*spoil->spoilt));
    assert_true(spoil->entities && spoil->statuses && spoil->right && spoil->spoilt);
    make_rows(f, count);
    make_repository(spoil);
    get_all(spoil);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(spoil->entities[i]);
        spoil->right[i] = json_of(spoil->entities[i]);
    }
    entc_entities_unref(spoil->entities, count);
    fixture_await_fills(f, count);
}

void spoil_close(struct spoil *spoil)
{
    for (size_t i = 0; i < spoil->count; i++) {
        free(spoil->right[i].bytes);
        free(spoil->spoilt[i].bytes);
    }
    free(spoil->right);
    free(spoil->spoilt);
    free(spoil->entities);
    free(spoil->statuses);
    entc_repository_free(spoil->repository);
}

/* ---- writing ---- */

const char *spoil_key(const struct spoil *spoil, size_t i, char out[32])
{
    snprintf(out, 32, "Spoilt-%lld", (long long)spoil->first + (long long)i);
    return out;
}

void spoil_set(struct spoil *spoil, size_t i, const char *bytes, size_t length)
{
    struct spoil_value *value = &spoil->spoilt[i];

    assert_true(i < spoil->count && value->bytes == NULL);
    value->bytes = malloc(length + 1);
    assert_non_null(value->bytes);
    if (length)
        memcpy(value->bytes, bytes, length);
    value->bytes[length] = '\0';
    value->length = length;
}

/* Runs a command with the key of each row that is spoilt, in one pipeline. */
static void pipeline(struct spoil *spoil, const char *verb,
                     void (*check)(struct spoil *spoil, size_t i, const redisReply *reply))
{
    redisContext *redis = redisConnectUnix(spoil->f->redis.socket_path);
    void *reply = NULL;
    char key[32];

    assert_true(redis && !redis->err);
    for (size_t i = 0; i < spoil->count; i++) {
        const struct spoil_value *value = &spoil->spoilt[i];
        const char *arguments[] = {verb, spoil_key(spoil, i, key), value->bytes};
        const size_t lengths[] = {strlen(verb), strlen(key), value->length};

        if (value->bytes)
            redisAppendCommandArgv(redis, strcmp(verb, "SET") == 0 ? 3 : 2, arguments, lengths);
    }
    for (size_t i = 0; i < spoil->count; i++) {
        if (!spoil->spoilt[i].bytes)
            continue;
        assert_int_equal(redisGetReply(redis, &reply), REDIS_OK);
        check(spoil, i, reply);
        freeReplyObject(reply);
    }
    redisFree(redis);
}

static void check_set(struct spoil *spoil, size_t i, const redisReply *reply)
{
    (void)spoil;
    (void)i;
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
}

void spoil_write(struct spoil *spoil)
{
    pipeline(spoil, "SET", check_set);
}

/* ---- judging ---- */

/* "…00.25Z" and "…00.250000Z" are the same time. */
static size_t without_zeros(const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || text[length - 1] != 'Z' || !strchr(text, '.'))
        return length;
    for (length--; text[length - 1] == '0'; length--)
        ;
    return text[length - 1] == '.' ? length - 1 : length;
}

static bool same_text(const char *a, const char *b)
{
    const size_t a_length = without_zeros(a);
    const size_t b_length = without_zeros(b);

    if (strcmp(a, b) == 0)
        return true;
    /* Without decimals there is no '.', and what is left ends with Z. */
    if (a_length + 1 == b_length && b[a_length] == 'Z')
        return memcmp(a, b, a_length) == 0;
    if (b_length + 1 == a_length && a[b_length] == 'Z')
        return memcmp(a, b, b_length) == 0;
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

static bool same_item(const cJSON *a, const cJSON *b)
{
    if (cJSON_IsString(a) && cJSON_IsString(b))
        return same_text(a->valuestring, b->valuestring);
    /* An integer may stand there as text. */
    if (cJSON_IsString(b) && cJSON_IsNumber(a))
        return strtod(b->valuestring, NULL) == a->valuedouble;
    return cJSON_Compare(a, b, 1);
}

/* Whether the spoilt value, read by another reader, says what was answered. */
static bool says(const struct spoil_value *spoilt, const char *answer)
{
    cJSON *given = cJSON_ParseWithLength(spoilt->bytes, spoilt->length);
    cJSON *answered = cJSON_Parse(answer);
    bool is_same = cJSON_IsObject(given) && cJSON_IsObject(answered);

    for (int i = 0; i < COLUMNS && is_same; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(given, columns[i].name);
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(answered, columns[i].name);

        is_same = item && other && same_item(other, item);
    }
    cJSON_Delete(given);
    cJSON_Delete(answered);
    return is_same;
}

static bool is_row(const struct spoil *spoil, size_t i, const struct spoil_value *answer)
{
    return answer->length == spoil->right[i].length &&
           memcmp(answer->bytes, spoil->right[i].bytes, answer->length) == 0;
}

static void judge(const struct spoil *spoil, size_t i)
{
    struct spoil_value answer;
    entc_value id;

    if (spoil->statuses[i] != ENTC_OK || !spoil->entities[i])
        fail_msg("%s: %s", entc_status_name(spoil->statuses[i]), spoil->spoilt[i].bytes);
    answer = json_of(spoil->entities[i]);
    assert_int_equal(entc_entity_get(spoil->entities[i], 0, &id), ENTC_OK);
    if (id.as.int64 != spoil->first + (int64_t)i)
        fail_msg("another id: %s", answer.bytes);
    if (!is_row(spoil, i, &answer) && !says(&spoil->spoilt[i], answer.bytes))
        fail_msg("answered %s\nof %s", answer.bytes, spoil->spoilt[i].bytes);
    free(answer.bytes);
}

/* In the cache stands the row now, or the value that was believed. */
static void check_healed(struct spoil *spoil, size_t i, const redisReply *reply)
{
    const struct spoil_value found = {reply->str, (size_t)reply->len};

    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    if (!is_row(spoil, i, &found) &&
        (found.length != spoil->spoilt[i].length ||
         memcmp(found.bytes, spoil->spoilt[i].bytes, found.length) != 0))
        fail_msg("left in the cache: %s", found.bytes);
}

uint64_t spoil_check(struct spoil *spoil)
{
    struct fixture *f = spoil->f;
    const entc_counters before = fixture_counters(f);
    entc_counters cost = before;
    uint64_t hits = 0;

    get_all(spoil);
    for (size_t i = 0; i < spoil->count; i++)
        judge(spoil, i);
    entc_entities_unref(spoil->entities, spoil->count);
    cost = fixture_since(f, &before);
    hits = cost.hits;
    assert_int_equal(cost.hits + cost.misses, spoil->count);
    assert_int_equal(cost.errors + cost.negatives + cost.absents, 0);
    fixture_await_fills(f, before.fills + cost.misses);
    pipeline(spoil, "GET", check_healed);
    cost = fixture_counters(f);
    get_all(spoil);
    entc_entities_unref(spoil->entities, spoil->count);
    cost = fixture_since(f, &cost);
    assert_int_equal(cost.hits, spoil->count);
    assert_int_equal(cost.sql_queries, 0);
    return hits;
}

void spoil_check_none(struct spoil *spoil)
{
    assert_int_equal(spoil_check(spoil), 0);
}
