/* What the repositories of an engine share, and the part of a request that this room needs: who
 * holds them, and how ids are compared. Both outlive their handles as long as an operation refers
 * to them. */
#include "repository/repository.h"

struct repository_services *repository_services_ref(struct repository_services *services)
{
    atomic_fetch_add_explicit(&services->references, 1, memory_order_relaxed);
    return services;
}

void repository_services_unref(struct repository_services *services)
{
    if (!services || atomic_fetch_sub_explicit(&services->references, 1, memory_order_acq_rel) != 1)
        return;
    services->destroy(services);
}

struct entc_request *repository_request_ref(struct entc_request *request)
{
    if (request)
        atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
    return request;
}

void repository_request_unref(struct entc_request *request)
{
    if (!request || atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
        return;
    request->destroy(request);
}

struct account *repository_account(struct entc_request *request,
                                   const struct entc_repository_impl *impl)
{
    return request ? ledger_account(request->ledger, ACCOUNT_ENTITY, NULL, impl->type->name) : NULL;
}

void repository_op_in(entc_op *op, struct entc_request *request)
{
    op->group = request ? &request->group : NULL;
}

struct event_place repository_place(const struct entc_request *request, uint64_t parent)
{
    const uint64_t span = request ? request->scope.span.id : 0;

    return (struct event_place){.parent = parent ? parent : span, .request = span};
}

/* ---- ids ---- */

static uint64_t hash_part(const struct hash_key *key, const entc_value *part)
{
    switch (part->type) {
    case ENTC_TEXT:
        return hash_bytes(key, part->as.text, part->length);
    case ENTC_UUID:
        return hash_bytes(key, part->as.bytes, sizeof(part->as.bytes));
    default:
        return hash_uint64(key, (uint64_t)part->as.int64);
    }
}

uint64_t repository_id_hash(const struct repository_services *services, const entc_value *id,
                            uint32_t parts)
{
    const struct hash_key *key = &services->hash_key;
    uint64_t hash = hash_part(key, &id[0]);

    /* Turned before each part, so that (a, b) and (b, a) differ. */
    for (uint32_t i = 1; i < parts; i++)
        hash = hash_uint64(key, (hash << 1 | hash >> 63) ^ hash_part(key, &id[i]));
    return hash;
}

static bool is_same_part(const entc_value *left, const entc_value *right)
{
    if (left->type != right->type)
        return false;
    switch (left->type) {
    case ENTC_TEXT:
        return left->length == right->length &&
               memcmp(left->as.text, right->as.text, left->length) == 0;
    case ENTC_UUID:
        return memcmp(left->as.bytes, right->as.bytes, sizeof(left->as.bytes)) == 0;
    default:
        return left->as.int64 == right->as.int64;
    }
}

bool repository_id_equals(const entc_value *left, const entc_value *right, uint32_t parts)
{
    for (uint32_t i = 0; i < parts; i++) {
        if (!is_same_part(&left[i], &right[i]))
            return false;
    }
    return true;
}

size_t repository_id_text_bytes(const struct schema_type *type, const entc_value *ids, size_t count)
{
    size_t bytes = 0;

    for (uint32_t part = 0; part < type->key_count; part++) {
        if (type->fields[type->key_fields[part]].type != ENTC_TEXT)
            continue;
        for (size_t i = 0; i < count; i++) {
            const entc_value *given = &ids[i * type->key_count + part];

            if (given->type == ENTC_TEXT && given->length <= CODEC_ID_TEXT_MAX)
                bytes += given->length;
        }
    }
    return bytes;
}

void repository_id_keep_texts(entc_value *id, uint32_t parts, char **texts)
{
    for (uint32_t i = 0; i < parts; i++) {
        if (id[i].type != ENTC_TEXT)
            continue;
        memcpy(*texts, id[i].as.text, id[i].length);
        id[i].as.text = *texts;
        *texts += id[i].length;
    }
}
