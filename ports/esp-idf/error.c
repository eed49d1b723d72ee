#include "ports/esp-idf/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "esp_log.h"

int ferry_idf_fail(struct ferry_idf_error *error, int status, esp_err_t esp, const char *hint, const char *format, ...)
{
    struct ferry_idf_error own;
    struct ferry_idf_error *e = error ? error : &own;
    va_list args;
    e->status = status;
    e->esp = esp;
    e->hint = hint ? hint : "";
    va_start(args, format);
    vsnprintf(e->what, sizeof e->what, format, args);
    va_end(args);
    ESP_LOGE("ferry", "%s%s%s%s%s", e->what, esp == ESP_OK ? "" : ": ", esp == ESP_OK ? "" : esp_err_to_name(esp),
             *e->hint ? "; " : "", e->hint);
    return status;
}
