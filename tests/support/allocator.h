/* An allocator for tests: counts live blocks and fails the n-th allocation, or every one from the
 * n-th on.
 *
 * Thread-safe, except that fail_at() must not run beside allocations. The usual loop over every
 * place that allocates:
 *
 *     for (uint64_t n = 1;; n++) {
 *         test_allocator_fail_at(&memory, n, false);
 *         run(&memory.allocator);
 *         assert_int_equal(test_allocator_live(&memory), 0);
 *         if (test_allocator_calls(&memory) < n)
 *             break;
 *     }
 */
#ifndef TESTS_SUPPORT_ALLOCATOR_H
#define TESTS_SUPPORT_ALLOCATOR_H

#include <entitycache/engine.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_allocator {
    entc_allocator
        allocator; /* what the code under test is given; `user` is this struct: it must not move */
    uint64_t fail_at;
    bool from_then_on;
    _Atomic uint64_t calls;
    atomic_size_t live;
};

/* Never fails until told to. */
void test_allocator_init(struct test_allocator *memory);
/* The n-th allocation from now on fails (1 is the next, 0 none); with `from_then_on` also all after
 * it. Starts counting calls anew. */
void test_allocator_fail_at(struct test_allocator *memory, uint64_t n, bool from_then_on);
/* Blocks that were allocated and not released. */
size_t test_allocator_live(const struct test_allocator *memory);
/* Allocations and reallocations asked for since init or the last fail_at(), those that failed
 * included. */
uint64_t test_allocator_calls(const struct test_allocator *memory);

#endif
