/* A proxy between the library and a real server that breaks what passes through it, byte by byte
 * as it is told.
 *
 * It is a thread of the test program. Commands take effect before they return: no byte passes under
 * the old rules afterwards. Bytes are counted on each side, from the server and from the client,
 * over all connections, so `after n bytes` means the same bytes in every run as long as one
 * connection is used at a time. Addresses are absolute paths of unix sockets, or ports of 127.0.0.1
 * in digits. Every function fails the cmocka test when the system refuses. */
#ifndef ENTC_TEST_PROXY_H
#define ENTC_TEST_PROXY_H

#include <stddef.h>
#include <stdint.h>

struct test_proxy;

/* Whose bytes. */
enum test_proxy_side { PROXY_FROM_CLIENT, PROXY_FROM_SERVER, PROXY_SIDES };

/* How a connection ends. */
enum test_proxy_end {
    PROXY_CLOSE,      /* both its sockets are closed */
    PROXY_RESET,      /* the same, with RST where the socket is TCP's */
    PROXY_HALF_CLOSE, /* who was to get the next byte gets the end of the stream, and may still
                         speak */
    PROXY_SILENCE     /* it stays open, and nothing passes any more */
};

/* What happens to who connects. */
enum test_proxy_door {
    PROXY_OPEN,
    PROXY_REFUSE,  /* nobody listens */
    PROXY_SWALLOW, /* accepts, reads, and never answers */
    PROXY_HANG     /* TCP: the kernel answers no connect; unix: nobody accepts */
};

/* Listens at `address` ("" or NULL: a free port) and connects to `server` for each client. */
struct test_proxy *test_proxy_new(const char *address, const char *server);
void test_proxy_free(struct test_proxy *proxy); /* NULL is accepted */
/* The port; 0 when it listens at a path. */
uint16_t test_proxy_port(const struct test_proxy *proxy);

/* Back to passing everything on, for connections there are and to come; what SILENCE and SWALLOW
 * hold is closed. */
void test_proxy_heal(struct test_proxy *proxy);
/* For who connects from now on; connections that there are stay. */
void test_proxy_door(struct test_proxy *proxy, enum test_proxy_door door);
/* Ends all connections that there are. */
void test_proxy_drop(struct test_proxy *proxy, enum test_proxy_end end);

/* Lets `after` more bytes of that side pass and ends the connection behind the last of them (0:
 * before the next one), whichever it is; then again after as many, `times` altogether. */
void test_proxy_cut(struct test_proxy *proxy, enum test_proxy_side side, int64_t after,
                    enum test_proxy_end end, uint32_t times);
/* XORs the byte behind `after` more bytes of that side with `mask`, once. */
void test_proxy_flip(struct test_proxy *proxy, enum test_proxy_side side, int64_t after,
                     uint8_t mask);
/* Passes at most `step` bytes at a time, with `pause_us` between (0: none, but each in a send of
 * its own). */
void test_proxy_trickle(struct test_proxy *proxy, enum test_proxy_side side, size_t step,
                        int64_t pause_us);
/* Holds what comes for so long. */
void test_proxy_delay(struct test_proxy *proxy, enum test_proxy_side side, int64_t delay_us);
/* Passes each of the next `times` pieces that come from that side on twice. */
void test_proxy_duplicate(struct test_proxy *proxy, enum test_proxy_side side, uint32_t times);

/* Since the proxy was made. */
int64_t test_proxy_bytes(struct test_proxy *proxy, enum test_proxy_side side);
int64_t test_proxy_connections(struct test_proxy *proxy); /* accepted */
int64_t test_proxy_cuts(struct test_proxy *proxy);        /* made by test_proxy_cut() */

#endif
