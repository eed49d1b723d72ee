// Uploads are what somebody sent: up to three files cut out of the input, described as the depot does before it adds a
// build. What comes out must be text, and fit. Texts that a person types (URLs, scopes) come along.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/describe.h"
#include "depot/query.h"
#include "ferry/base/bytes.h"
#include "ferry/base/status.h"
#include "ferry/source/memory.h"
#include "ports/posix/digest.h"

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_build(const struct ferry_depot_build *b, const char *layout)
{
    check(b->project[0] && ferry_depot_query_utf8(b->project) && ferry_depot_query_utf8(b->version));
    check(ferry_depot_query_utf8(b->idf) && ferry_depot_query_utf8(b->built) && ferry_depot_query_utf8(layout));
    check(strlen(layout) < FERRY_DEPOT_LAYOUT);
    check(!layout[0] || (layout[0] == '[' && layout[strlen(layout) - 1] == ']'));
}

static void texts(const uint8_t *data, size_t size)
{
    char text[200], shown[64], names[FERRY_DEPOT_TEXT];
    unsigned scopes;
    size_t len = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, len);
    text[len] = 0;
    ferry_depot_shown_url(text, shown, sizeof shown);
    check(strlen(shown) < sizeof shown);
    if (ferry_depot_scopes_parse(text, &scopes))
        ferry_depot_scopes_text(scopes, names);
    (void)ferry_depot_query_utf8(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ferry_depot_build build;
    static char layout[FERRY_DEPOT_LAYOUT];
    struct ferry_depot_describe_file files[3];
    struct ferry_source_memory memory[3];
    struct ferry_posix_digest state;
    struct ferry_digest digest = ferry_posix_digest_init(&state);
    struct ferry_depot_error error;
    size_t count = 0, at = 1;
    texts(data, size);
    memset(files, 0, sizeof files);
    // A count, then for each file: address, length, bytes.
    for (size_t wanted = size ? data[0] % 4u : 0; count < wanted && size - at >= 8; count++) {
        uint32_t len = ferry_load32le(data + at + 4);
        files[count].address = ferry_load32le(data + at);
        at += 8;
        len = len < size - at ? len : (uint32_t)(size - at);
        snprintf(files[count].name, sizeof files[count].name, "file%zu.bin", count);
        files[count].source = ferry_source_memory(&memory[count], data + at, len);
        at += len;
    }
    int status = ferry_depot_describe(files, count, &digest, &build, layout, &error);
    if (status >= 0)
        check_build(&build, layout);
    else
        check(error.status == status && error.what[0]);
    ferry_posix_digest_close(&state);
    return 0;
}
