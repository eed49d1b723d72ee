#include "tests/support/http_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int http_probe_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = 10};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

bool http_probe_say(int fd, const void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, (const char *)bytes + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

// Byte by byte: what follows the head belongs to the body.
static void hear_head(int fd, struct http_probe_answer *out)
{
    size_t len = 0;
    while (len + 1 < sizeof out->head && recv(fd, out->head + len, 1, 0) == 1) {
        out->head[++len] = 0;
        if (len >= 4 && memcmp(out->head + len - 4, "\r\n\r\n", 4) == 0) {
            if (sscanf(out->head, "HTTP/1.%*d %d", &out->status) != 1)
                out->status = -1;
            return;
        }
    }
}

static bool hear_bytes(int fd, struct http_probe_answer *out, size_t want)
{
    out->body = realloc(out->body, out->body_len + want + 1);
    while (want > 0) {
        ssize_t n = recv(fd, out->body + out->body_len, want, 0);
        if (n <= 0)
            return false;
        out->body_len += (size_t)n;
        want -= (size_t)n;
    }
    return true;
}

static bool hear_chunks(int fd, struct http_probe_answer *out)
{
    for (;;) {
        char line[32];
        size_t len = 0;
        while (len + 1 < sizeof line && recv(fd, line + len, 1, 0) == 1)
            if (line[len++] == '\n')
                break;
        line[len] = 0;
        size_t want = strtoul(line, NULL, 16);
        if (len == 0 || line[len - 1] != '\n' || !hear_bytes(fd, out, want + 2))
            return false;
        out->body_len -= 2;
        if (want == 0)
            return true;
    }
}

const char *http_probe_header(const struct http_probe_answer *answer, const char *name, char *out, size_t cap)
{
    size_t len = strlen(name);
    for (const char *at = answer->head; (at = strstr(at, "\r\n")) != NULL;) {
        at += 2;
        if (strncasecmp(at, name, len) != 0 || at[len] != ':')
            continue;
        at += len + 1 + strspn(at + len + 1, " ");
        snprintf(out, cap, "%.*s", (int)strcspn(at, "\r\n"), at);
        return out;
    }
    return NULL;
}

void http_probe_hear(int fd, bool head, struct http_probe_answer *out)
{
    char value[32];
    memset(out, 0, sizeof *out);
    hear_head(fd, out);
    while (out->status == 100) {
        out->status = 0;
        hear_head(fd, out);
    }
    out->body = calloc(1, 1);
    if (out->status <= 0 || head || out->status == 304 || out->status == 204)
        out->whole = out->status > 0;
    else if (http_probe_header(out, "Content-Length", value, sizeof value))
        out->whole = hear_bytes(fd, out, strtoull(value, NULL, 10));
    else if (http_probe_header(out, "Transfer-Encoding", value, sizeof value))
        out->whole = hear_chunks(fd, out);
    out->body[out->body_len] = 0;
}

void http_probe_ask(uint16_t port, const char *request, struct http_probe_answer *out)
{
    int fd = http_probe_connect(port);
    memset(out, 0, sizeof *out);
    if (fd < 0)
        return;
    http_probe_say(fd, request, strlen(request));
    http_probe_hear(fd, strncmp(request, "HEAD", 4) == 0, out);
    close(fd);
}

void http_probe_send(uint16_t port, const char *method, const char *path, const char *headers, const void *body,
                     size_t body_len, struct http_probe_answer *out)
{
    char head[4096], length[48] = "";
    if (body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", body_len);
    snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s%s\r\n", method, path, port, length,
             headers ? headers : "");
    int fd = http_probe_connect(port);
    memset(out, 0, sizeof *out);
    if (fd < 0)
        return;
    if (http_probe_say(fd, head, strlen(head)) && body)
        http_probe_say(fd, body, body_len);
    http_probe_hear(fd, strcmp(method, "HEAD") == 0, out);
    close(fd);
}

void http_probe_free(struct http_probe_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
}
