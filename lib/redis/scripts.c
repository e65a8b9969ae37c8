/* The Lua steps of coherence.md 1.2 that reads need. Each looks and writes in one atomic step of
 * the server, which is what the proof of the protocol stands on (assumption A1). A SHA1 is that of
 * the text beside it; a test asks a real server whether it is. */
#include "redis/internal.h"

/* KEYS: K, L; ARGV: token, value, milliseconds. Only who still holds the lease may write, so a fill
 * that was overtaken by a write is refused, however late it comes. SET before DEL: when the server
 * is out of memory, SET fails the script and the lease stays, which is the safe side. */
static const struct redis_script fill = {
    "9b7d5c1ffba49aa861de36e5cfb7594b5e34981b",
    "if redis.call('GET',KEYS[2])~='r:'..ARGV[1] then return 0 end\n"
    "redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3])\n"
    "redis.call('DEL',KEYS[2])\n"
    "return 1"};

/* KEYS: L; ARGV: token. */
static const struct redis_script unlease = {
    "46155b8cc2a0faaa340587095b7afa7e1c3c8675",
    "if redis.call('GET',KEYS[1])~='r:'..ARGV[1] then return 0 end\n"
    "return redis.call('DEL',KEYS[1])"};

/* KEYS: L. Ends a reader's lease; keeps writers' intents and marks them contended, so that none of
 * them writes through. PTTL, DEL and SET PX, because KEEPTTL fails when the server is out of
 * memory. A key that is no string goes: it can be no intent. */
static const struct redis_script invalidate = {
    "ca99ae6111fd2ddb413021cdd56ff280ff6bba94",
    "local l=redis.pcall('GET',KEYS[1])\n"
    "if not l then return 1 end\n"
    "if type(l)=='table' then\n"
    " if string.find(l.err,'WRONGTYPE',1,true) then redis.call('DEL',KEYS[1]) return 1 end\n"
    " return l\n"
    "end\n"
    "local c=string.sub(l,1,2)\n"
    "if c=='r:' then redis.call('DEL',KEYS[1])\n"
    "elseif c=='w:' then\n"
    " local t=redis.call('PTTL',KEYS[1])\n"
    " redis.call('DEL',KEYS[1])\n"
    " if t>0 then redis.call('SET',KEYS[1],'W:'..string.sub(l,3),'PX',t) end\n"
    "end\n"
    "return 1"};

/* KEYS: L. Leases and intents are strings that expire; what is none, or would stand for ever, was
 * written by somebody else and keeps K from being cached. Removing it loses no lease and no intent,
 * and looking and removing are one step, so that none can come between. */
static const struct redis_script unblock = {
    "f6b1dd7ff4acaa2868531e061ca7e2b27e08850e",
    "local l=redis.pcall('GET',KEYS[1])\n"
    "if type(l)=='table' then\n"
    " if not string.find(l.err,'WRONGTYPE',1,true) then return l end\n"
    "elseif redis.call('PTTL',KEYS[1])~=-1 then return 0 end\n"
    "return redis.call('DEL',KEYS[1])"};

const struct redis_script *redis_script_of(enum cache_step step)
{
    switch (step) {
    case CACHE_FILL:
        return &fill;
    case CACHE_UNLEASE:
        return &unlease;
    case CACHE_INVALIDATE:
        return &invalidate;
    case CACHE_UNBLOCK:
        return &unblock;
    case CACHE_MGET:
    case CACHE_LEASE:
        break;
    }
    return NULL;
}
