#include "updater/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ferry/base/status.h"
#include "ferry/engine/engine.h"
#include "updater/path.h"

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
    // Names out of files and folders may hold anything; what reaches a screen, a log or JSON must not.
    ferry_path_text(fault->what, sizeof fault->what, fault->what);
    ferry_path_text(fault->where, sizeof fault->where, where ? where : "");
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
    ferry_path_text(fault->hint, sizeof fault->hint, fault->hint);
}

void ferry_fault_by_hand(struct ferry_fault *fault)
{
    if (fault->status == FERRY_ERR_TIMEOUT)
        ferry_fault_hint(fault,
                         "this port has no reset line: hold BOOT, press and release RESET, then start again; if it "
                         "comes back, check the target's supply or try a lower --baud");
}

int ferry_fault_engine(struct ferry_fault *fault, const struct ferry_error *error)
{
    const char *step = error->step ? error->step : "", *detail = error->detail ? error->detail : "";
    char where[40] = "";
    if (error->address != UINT32_MAX)
        snprintf(where, sizeof where, "flash address 0x%lx", (unsigned long)error->address);
    ferry_fault_set(fault, error->status, where, "%s%s%s%s%s", step, step[0] ? ": " : "",
                    ferry_status_text(error->status), detail[0] ? ": " : "", detail);
    if (error->hint && error->hint[0])
        ferry_fault_hint(fault, "%s", error->hint);
    if (fault)
        fault->peer_code = error->peer_code;
    return error->status;
}
