/* How declarations of this library are exported and seen by C++. Nothing here is called by a
 * host. */
#ifndef ENTITYCACHE_EXPORT_H
#define ENTITYCACHE_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define ENTC_EXPORT __attribute__((visibility("default")))
#else
#define ENTC_EXPORT
#endif

#ifdef __cplusplus
#define ENTC_BEGIN_DECLS extern "C" {
#define ENTC_END_DECLS }
#else
#define ENTC_BEGIN_DECLS
#define ENTC_END_DECLS
#endif

#endif
