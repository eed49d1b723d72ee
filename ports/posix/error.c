#include "ports/posix/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "ferry/base/status.h"

int ferry_posix_error_set(struct ferry_posix_error *error, int status, const char *where, const char *format, ...)
{
    if (!error)
        return status;
    error->status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(error->what, sizeof error->what, format, args);
    va_end(args);
    snprintf(error->where, sizeof error->where, "%s", where ? where : "");
    snprintf(error->hint, sizeof error->hint, "%s", ferry_status_hint(status));
    return status;
}

void ferry_posix_error_hint(struct ferry_posix_error *error, const char *format, ...)
{
    if (!error)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(error->hint, sizeof error->hint, format, args);
    va_end(args);
}
