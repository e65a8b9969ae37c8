/* Chinook, the sample database of examples/data/chinook: a music shop's 11 tables. */
#ifndef ENTC_TEST_CHINOOK_H
#define ENTC_TEST_CHINOOK_H

#include "servers.h"

/* Makes its tables, with their rows, in this database. */
void test_chinook_load(struct test_postgres *postgres);

#endif
