/* The clock that deadlines are measured with: it never goes back and does not know the date. */
#include "base.h"

#include <time.h>

int64_t clock_now_us(void)
{
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
