/* libentitycache: the whole public contract. Include this, or single headers of entitycache/. */
#ifndef ENTITYCACHE_H
#define ENTITYCACHE_H

#include <entitycache/counters.h>
#include <entitycache/engine.h>
#include <entitycache/entity.h>
#include <entitycache/export.h>
#include <entitycache/loader.h>
#include <entitycache/lookup.h>
#include <entitycache/observe.h>
#include <entitycache/op.h>
#include <entitycache/relation.h>
#include <entitycache/repository.h>
#include <entitycache/request.h>
#include <entitycache/schema.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <entitycache/version.h>

#endif
