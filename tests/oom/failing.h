/* One series of allocations over all that take part: the engine's allocator, and malloc(),
 * calloc(), realloc() and strdup() as libentitycache, hiredis and libpq call them. The n-th of the
 * series fails, once or from then on.
 *
 * hiredis and libpq do not use the engine's allocator, and a malloc() of our own would take the
 * place of the sanitizer's. So the entries of these libraries' global offset tables are turned to
 * ours, which ask malloc() when they do not fail. The program's own calls, and those of libc, are
 * left alone: a test may use what it likes while allocations fail. */
#ifndef ENTC_TEST_FAILING_H
#define ENTC_TEST_FAILING_H

#include <entitycache.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Turns the entries; once, before the first engine. Fails the test when a library has none. */
void failing_install(void);
/* For entc_engine_options: counts its blocks. */
const entc_allocator *failing_allocator(void);
/* Blocks of that allocator that were not released. */
size_t failing_live(void);

/* The n-th from now on fails (1 is the next; 0: none), with `from_then_on` also all after it.
 * Counts anew. */
void failing_at(uint64_t n, bool from_then_on);
/* Allocations since, those that failed included. */
uint64_t failing_calls(void);

#endif
