#include "updater/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"

int ferry_fault_set(struct ferry_fault *fault, int status, const char *where, const char *format, ...)
{
    if (!fault)
        return status;
    memset(fault, 0, sizeof *fault);
    fault->status = status;
    fault->peer_code = -1;
    va_list args;
    va_start(args, format);
    vsnprintf(fault->what, sizeof fault->what, format, args);
    va_end(args);
    snprintf(fault->where, sizeof fault->where, "%s", where ? where : "");
    snprintf(fault->hint, sizeof fault->hint, "%s", ferry_status_hint(status));
    return status;
}

void ferry_fault_hint(struct ferry_fault *fault, const char *format, ...)
{
    if (!fault)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(fault->hint, sizeof fault->hint, format, args);
    va_end(args);
}
