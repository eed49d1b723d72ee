#include "ferry/io/http_answer.h"

#include <string.h>

#include "ferry/base/http_text.h"

bool ferry_http_answer_header(struct ferry_http_answer *answer, const char *name, const char *value)
{
    size_t len = strlen(value);
    if (answer->header_count == FERRY_HTTP_HEADERS || len >= sizeof answer->text - answer->text_used)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
            return false;
    answer->headers[answer->header_count].name = name;
    answer->headers[answer->header_count++].value = answer->text_used;
    memcpy(answer->text + answer->text_used, value, len + 1);
    answer->text_used = (uint16_t)(answer->text_used + len + 1);
    return true;
}

const char *ferry_http_answer_value(const struct ferry_http_answer *answer, size_t i)
{
    return answer->text + answer->headers[i].value;
}

void ferry_http_answer_bytes(struct ferry_http_answer *answer, int status, const char *type, const void *bytes,
                             size_t len)
{
    answer->status = status;
    answer->bytes = bytes;
    answer->length = (int64_t)len;
    ferry_http_answer_header(answer, "Content-Type", type);
}

static char *put_number(char *at, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static void content_range(struct ferry_http_answer *answer, const struct ferry_http_part *part, uint64_t total)
{
    char text[80] = "bytes ", *at = text + strlen(text);
    if (part) {
        at = put_number(at, part->offset);
        *at++ = '-';
        at = put_number(at, part->offset + part->length - 1);
    } else {
        *at++ = '*';
    }
    *at++ = '/';
    at = put_number(at, total);
    *at = 0;
    ferry_http_answer_header(answer, "Content-Range", text);
}

// Range counts only for the thing that the peer has the first part of: If-Range must be its (strong) ETag.
static const char *range_wanted(const struct ferry_http_request *request, const char *etag)
{
    const char *only_if = request->header(request->ctx, "If-Range");
    if (only_if && (!*etag || etag[0] == 'W' || strcmp(only_if, etag) != 0))
        return NULL;
    return request->header(request->ctx, "Range");
}

bool ferry_http_answer_part(struct ferry_http_answer *answer, const struct ferry_http_request *request, uint64_t total,
                            const char *etag, struct ferry_http_part *part)
{
    *part = (struct ferry_http_part){0, total};
    if (*etag)
        ferry_http_answer_header(answer, "ETag", etag);
    if (ferry_http_text_etag_listed(request->header(request->ctx, "If-None-Match"), etag)) {
        answer->status = 304;
        answer->length = (int64_t)total;
        return false;
    }
    ferry_http_answer_header(answer, "Accept-Ranges", "bytes");
    enum ferry_http_text_range wanted =
        ferry_http_text_range(range_wanted(request, etag), total, &part->offset, &part->length);
    if (wanted == FERRY_HTTP_TEXT_RANGE_WRONG) {
        answer->status = 416;
        answer->length = 0;
        content_range(answer, NULL, total);
        return false;
    }
    answer->status = wanted == FERRY_HTTP_TEXT_RANGE_PART ? 206 : 200;
    answer->length = (int64_t)part->length;
    if (answer->status == 206)
        content_range(answer, part, total);
    return true;
}
