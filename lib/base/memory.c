/* Memory of the engine's allocator. Everything that the library allocates for an engine goes
 * through here, so that a host's allocator sees sizes above 0 only and no product of sizes ever
 * wraps around. */
#include "base.h"

#include <stdlib.h>

static void *default_allocate(size_t size, void *user)
{
    (void)user;
    return malloc(size);
}

static void *default_reallocate(void *memory, size_t size, void *user)
{
    (void)user;
    return realloc(memory, size);
}

static void default_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

static const entc_allocator default_allocator = {default_allocate, default_reallocate,
                                                 default_release, NULL};

/* Allocators differ in what they do with 0; nobody needs to find out which way. */
static size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

const entc_allocator *base_default_allocator(void)
{
    return &default_allocator;
}

void *base_allocate(const entc_allocator *allocator, size_t size)
{
    return allocator->allocate(at_least_one(size), allocator->user);
}

void *base_allocate_zeroed(const entc_allocator *allocator, size_t size)
{
    void *memory = base_allocate(allocator, size);

    if (memory)
        memset(memory, 0, at_least_one(size));
    return memory;
}

void *base_allocate_array(const entc_allocator *allocator, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return base_allocate(allocator, count * size);
}

void *base_reallocate(const entc_allocator *allocator, void *memory, size_t size)
{
    return allocator->reallocate(memory, at_least_one(size), allocator->user);
}

void base_release(const entc_allocator *allocator, void *memory)
{
    if (memory)
        allocator->release(memory, allocator->user);
}

char *base_copy_text(const entc_allocator *allocator, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? base_allocate(allocator, size) : NULL;

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void base_wipe(void *memory, size_t size)
{
    if (size)
        explicit_bzero(memory, size);
}
