/* Which release the host was compiled against, and which one it runs with. */
#ifndef ENTITYCACHE_VERSION_H
#define ENTITYCACHE_VERSION_H

#include <entitycache/export.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

#define ENTC_VERSION_MAJOR 0
#define ENTC_VERSION_MINOR 1
#define ENTC_VERSION_PATCH 0
/* major * 1000000 + minor * 1000 + patch, to be compared with entc_version(). */
#define ENTC_VERSION (ENTC_VERSION_MAJOR * 1000000 + ENTC_VERSION_MINOR * 1000 + ENTC_VERSION_PATCH)

/* Tells the release of the library that runs, coded like ENTC_VERSION.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int32_t entc_version(void);

/* Tells the release of the library that runs as text, such as "0.1.0".
 * Ownership: borrowed, static. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_version_text(void);

ENTC_END_DECLS

#endif
