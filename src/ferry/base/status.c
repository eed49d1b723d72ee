#include "ferry/base/status.h"

struct row {
    int status;
    enum ferry_status_class cls;
    const char *name, *text, *hint;
};

static const struct row rows[] = {
#define X(name, value, cls, text, hint) {-(value), FERRY_CLASS_##cls, #name, text, hint},
    FERRY_STATUS_LIST(X)
#undef X
};

static const struct row *find(int status)
{
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return &rows[i];
    return 0;
}

const char *ferry_status_name(int status)
{
    const struct row *r = find(status);
    return status >= 0 ? "OK" : r ? r->name : "UNKNOWN";
}

const char *ferry_status_text(int status)
{
    const struct row *r = find(status);
    return status >= 0 ? "ok" : r ? r->text : "unknown error";
}

const char *ferry_status_hint(int status)
{
    const struct row *r = find(status);
    return r ? r->hint : "";
}

enum ferry_status_class ferry_status_class_of(int status)
{
    const struct row *r = find(status);
    return r ? r->cls : FERRY_CLASS_OK;
}

int ferry_status_exit_code(int status)
{
    const struct row *r = find(status);
    return status >= 0 ? 0 : r ? (int)r->cls : 1;
}
