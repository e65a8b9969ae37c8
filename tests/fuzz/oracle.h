/* cJSON's opinion of a text. It shares no code with the codec. */
#ifndef ENTC_TEST_FUZZ_ORACLE_H
#define ENTC_TEST_FUZZ_ORACLE_H

#include "entity/entity.h"

/* Whether cJSON is able to: it cuts numbers at 63 characters, and strings at \u0000. */
bool oracle_can_read(const char *json, size_t length);
bool oracle_parses(const char *json, size_t length);
/* Whether it reads the entity's values from the text. Types that it does not know are not compared.
 */
bool oracle_agrees(const struct entc_entity *entity, const char *json, size_t length);

#endif
