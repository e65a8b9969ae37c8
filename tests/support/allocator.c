/* The allocator for tests over malloc. A failed call changes nothing but `calls`; fresh bytes are
 * never zero, so that code which relies on cleared memory is found. */
#include "allocator.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_BYTE 0xA5

static bool must_fail(struct test_allocator *memory)
{
    uint64_t call = atomic_fetch_add(&memory->calls, 1) + 1;

    if (memory->fail_at == 0)
        return false;
    return memory->from_then_on ? call >= memory->fail_at : call == memory->fail_at;
}

static void *allocate(size_t size, void *user)
{
    struct test_allocator *memory = user;
    void *block;

    if (must_fail(memory))
        return NULL;
    block = malloc(size);
    if (!block)
        return NULL;
    memset(block, FRESH_BYTE, size);
    atomic_fetch_add(&memory->live, 1);
    return block;
}

static void *reallocate(void *block, size_t size, void *user)
{
    struct test_allocator *memory = user;

    if (!block)
        return allocate(size, user);
    if (must_fail(memory))
        return NULL;
    return realloc(block, size);
}

static void release(void *block, void *user)
{
    struct test_allocator *memory = user;

    if (!block)
        return;
    atomic_fetch_sub(&memory->live, 1);
    free(block);
}

void test_allocator_init(struct test_allocator *memory)
{
    memset(memory, 0, sizeof(*memory));
    memory->allocator.allocate = allocate;
    memory->allocator.reallocate = reallocate;
    memory->allocator.release = release;
    memory->allocator.user = memory;
    atomic_init(&memory->calls, 0);
    atomic_init(&memory->live, 0);
}

void test_allocator_fail_at(struct test_allocator *memory, uint64_t n, bool from_then_on)
{
    memory->fail_at = n;
    memory->from_then_on = from_then_on;
    atomic_store(&memory->calls, 0);
}

size_t test_allocator_live(const struct test_allocator *memory)
{
    return atomic_load(&memory->live);
}

uint64_t test_allocator_calls(const struct test_allocator *memory)
{
    return atomic_load(&memory->calls);
}
