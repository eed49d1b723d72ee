// Any line as one of the log: taken apart in place, all fields inside it and ended, and a field that needs no quotes
// comes out as it went in.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "updater/web_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_web_csv csv;
    char *line = malloc(size + 1), *copy = malloc(size + 1);
    memcpy(line, data, size);
    line[size] = 0;
    memcpy(copy, line, size + 1);
    size_t len = strlen(line);
    if (ferry_web_csv_parse(&csv, line))
        for (unsigned i = 0; i < FERRY_WEB_CSV_FIELDS; i++) {
            const char *field = csv.fields[i];
            if (!*field)
                continue;
            if (field < line || field + strlen(field) > line + len)
                abort();
            size_t at = (size_t)(field - line);
            if ((at == 0 || copy[at - 1] == ',') && copy[at] != '"' && strncmp(copy + at, field, strlen(field)) != 0)
                abort();
        }
    free(line);
    free(copy);
    return 0;
}
