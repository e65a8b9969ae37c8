/* The keys that pages are asked for: made canonical, and each asked for once in one way, however
 * often the host named it so; slots of one key and way share a page. What a key is, the relation's
 * kind says: the parent's id, or, where parents hold the key of the other, that key. A NULL there
 * belongs to nobody: such slots share one page, which is empty and costs nothing. */
#include "relation/pages.h"

size_t relation_key_text_bytes(const struct entc_relation *relation, const entc_value *keys,
                               size_t count)
{
    const struct db_link *link = &relation->link;
    size_t bytes = 0;

    for (uint32_t part = 0; part < link->count; part++) {
        if (link->types[part] != ENTC_TEXT)
            continue;
        for (size_t i = 0; i < count; i++)
            if (keys[i * link->count + part].type == ENTC_TEXT)
                bytes += keys[i * link->count + part].length;
    }
    return bytes;
}

static entc_status make_canonical(const struct entc_relation *relation, const entc_value *given,
                                  entc_value *ret_key, entc_error **reterr)
{
    if (relation->kind == RELATION_LOOKUP)
        return relation_lookup_key(relation, given, ret_key, reterr);
    if (relation->kind == ENTC_RELATION_BELONGS_TO)
        return codec_id(relation->children->type, given, ret_key, reterr);
    return codec_id(relation->parents->type, given, ret_key, reterr);
}

/* As SQL has it: a foreign key with a NULL in one of its columns refers to nothing. */
static bool is_nobodys(const struct entc_relation *relation, const entc_value *given)
{
    bool is_null = false;

    for (uint32_t i = 0; i < relation->link.count && !is_null; i++)
        is_null = given[i].type == ENTC_NULL;
    return is_null && relation->kind == ENTC_RELATION_BELONGS_TO;
}

entc_status relation_canonical_key(const struct entc_relation *relation, const entc_value *given,
                                   entc_value *ret_key, entc_error **reterr)
{
    if (!is_nobodys(relation, given))
        return make_canonical(relation, given, ret_key, reterr);
    memset(ret_key, 0, relation->link.count * sizeof(*ret_key));
    return ENTC_OK;
}

static bool has_parent(const void *context, uint32_t number)
{
    const struct pages_op *op = context;
    const uint32_t parts = op->relation->link.count;

    return op->parents[number].slice == op->parents[op->parent_count].slice &&
           repository_id_equals(&op->parent_ids[number * parts],
                                &op->parent_ids[op->parent_count * parts], parts);
}

bool relation_is_nobody(const struct pages_op *op, size_t parent)
{
    return op->parent_ids[parent * op->relation->link.count].type == ENTC_NULL;
}

/* Its page is a parent's too, but its key is in no index; and what a canonical key never is. */
static uint32_t nobody(struct pages_op *op)
{
    const bool is_known = op->nobody != INDEX_NONE &&
                          op->parents[op->nobody].slice == op->parents[op->parent_count].slice;

    if (is_known)
        return op->nobody;
    memset(&op->parent_ids[op->parent_count * op->relation->link.count], 0,
           op->relation->link.count * sizeof(*op->parent_ids));
    op->nobody = (uint32_t)op->parent_count++;
    return op->nobody;
}

/* The candidate stands behind the last parent until it is known to be new. There is room for it. */
static uint32_t find_or_add(struct pages_op *op, struct index *index, char **texts)
{
    const uint32_t parts = op->relation->link.count;
    entc_value *key = &op->parent_ids[op->parent_count * parts];
    const uint64_t hash = repository_id_hash(op->impl->services, key, parts);
    uint32_t number = index_find(index, hash, has_parent, op);

    if (number != INDEX_NONE)
        return number;
    number = (uint32_t)op->parent_count++;
    index_insert(index, hash, number);
    repository_id_keep_texts(key, parts, texts);
    return number;
}

bool relation_read_keys(struct pages_op *op, const struct pages_asked *asked, char *texts)
{
    const uint32_t parts = op->relation->link.count;
    struct index index;
    bool is_ready = false;

    index_init(&index, engine_allocator(op->op.engine));
    is_ready = index_reserve(&index, (uint32_t)op->count);
    for (size_t i = 0; is_ready && i < op->count; i++) {
        const entc_value *given = &asked->parent_ids[i * parts];
        entc_error **blame = op->first_error ? NULL : &op->first_error;

        op->parents[op->parent_count].slice = &op->slices[asked->args_size ? i : 0];
        if (is_nobodys(op->relation, given)) {
            op->asked[i] = nobody(op);
            continue;
        }
        op->statuses[i] =
            make_canonical(op->relation, given, &op->parent_ids[op->parent_count * parts], blame);
        if (op->statuses[i] == ENTC_OK)
            op->asked[i] = find_or_add(op, &index, &texts);
    }
    index_fini(&index);
    return is_ready;
}

/* The same key asked for in two ways is one parent all the same, but telling costs more than the
 * statement that it would save: each counts. */
static size_t count_keys(const struct pages_op *op)
{
    size_t count = 0;

    for (size_t i = 0; i < op->parent_count; i++)
        count += !relation_is_nobody(op, i);
    return count;
}

entc_status relation_check_guard(const struct pages_op *op, const char *path, entc_error **reterr)
{
    size_t keys = 0;

    if (op->relation->guard != ENTC_GUARD_REFUSE)
        return ENTC_OK;
    keys = count_keys(op);
    if (keys < 2)
        return ENTC_OK;
    error_set(reterr, ENTC_E_REFUSED, "argument",
              "relation \"%s\" of entity \"%s\"%s%s: asked for %zu parents at once, and its guard "
              "refuses more than one",
              op->relation->name, op->relation->parents->type->name, path ? " at " : "",
              path ? path : "", keys);
    error_hint(reterr, "do not select it below a list, or make the relation with ENTC_GUARD_BATCH");
    return ENTC_E_REFUSED;
}

/* ---- keys of entities ---- */

void relation_key_of(const struct entc_relation *relation, const struct entc_entity *entity,
                     entc_value *ret_key)
{
    if (relation->kind != ENTC_RELATION_BELONGS_TO) {
        entity_id(entity, ret_key);
        return;
    }
    for (uint32_t i = 0; i < relation->link.count; i++)
        entity_get(entity, relation->fields[i], &ret_key[i]);
}

void relation_keys_of_page(const struct entc_relation *relation, const struct entc_page *page,
                           entc_value *ret_keys)
{
    const uint32_t parts = relation->link.count;

    if (relation->kind != ENTC_RELATION_BELONGS_TO && page->count > 0)
        memcpy(ret_keys, page->ids, page->count * parts * sizeof(*ret_keys));
    for (size_t i = 0; i < page->count; i++) {
        entc_value *key = &ret_keys[i * parts];

        if (relation->kind != ENTC_RELATION_BELONGS_TO)
            continue;
        if (page->entities[i])
            relation_key_of(relation, page->entities[i], key);
        else
            memset(key, 0, parts * sizeof(*key));
    }
}
