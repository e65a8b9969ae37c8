/* The log: formats one line and hands it to the host. A host that wants nothing pays a comparison.
 */
#include "observe.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 1024

void log_write(const struct log *log, int32_t level, const char *domain, const char *format, ...)
{
    char line[LINE_SIZE] = "";
    va_list arguments;

    if (!log || !log->write || level > log->level)
        return;
    va_start(arguments, format);
    if (vsnprintf(line, sizeof(line), format, arguments) < 0)
        line[0] = '\0';
    va_end(arguments);
    text_one_line(line);
    log->write(level, domain, line, log->user);
}
