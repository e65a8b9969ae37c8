/* Args that outlive the call that gave them: one block, with the names it was given. Two that are
 * equal ask for the same page of a parent. */
#include "relation/pages.h"

struct relation_kept_args {
    entc_page_args args;
    entc_order order[];
};

struct relation_kept_args *relation_args_keep(const entc_page_args *args,
                                              const entc_allocator *allocator)
{
    struct relation_kept_args *kept = NULL;
    size_t bytes = 0;
    char *text = NULL;

    for (size_t i = 0; i < args->order_count; i++)
        bytes += strlen(relation_args_order(args, i).column) + 1;
    kept = base_allocate_zeroed(allocator,
                                sizeof(*kept) + args->order_count * sizeof(kept->order[0]) + bytes);
    if (!kept)
        return NULL;
    kept->args = (entc_page_args){.struct_size = sizeof(kept->args),
                                  .first = args->first,
                                  .order = args->order_count ? kept->order : NULL,
                                  .order_count = args->order_count,
                                  .order_size = sizeof(kept->order[0])};
    text = (char *)(kept->order + args->order_count);
    for (size_t i = 0; i < args->order_count; i++) {
        const entc_order order = relation_args_order(args, i);
        const size_t length = strlen(order.column) + 1;

        kept->order[i] = order;
        kept->order[i].column = memcpy(text, order.column, length);
        text += length;
    }
    return kept;
}

void relation_args_free(struct relation_kept_args *kept, const entc_allocator *allocator)
{
    base_release(allocator, kept);
}

const entc_page_args *relation_kept_args(const struct relation_kept_args *kept)
{
    return &kept->args;
}

bool relation_args_are_kept(const struct relation_kept_args *kept, const entc_page_args *args)
{
    if (kept->args.first != args->first || kept->args.order_count != args->order_count)
        return false;
    for (size_t i = 0; i < args->order_count; i++) {
        const entc_order order = relation_args_order(args, i);

        if (kept->order[i].descending != order.descending ||
            strcmp(kept->order[i].column, order.column) != 0)
            return false;
    }
    return true;
}
