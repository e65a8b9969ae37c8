/* What every test includes: cmocka with the headers that it wants before it. */
#ifndef ENTC_TEST_H
#define ENTC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* In this order: cmocka.h does not include what it uses. */
#include <cmocka.h>

/* fail_msg() that the compiler knows not to return. */
_Noreturn void test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
