// A server's own certificate: judged by OpenSSL (through libcurl), which must accept it for the names it is made for
// and for no others; and how the folder keeps it. Certificates that change under a server that runs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ferry/base/status.h"
#include "ports/posix/http_certificate.h"
#include "ports/posix/http_client.h"
#include "tests/support/served.h"

static char root[] = "/tmp/ferry-certificate-XXXXXX";
static struct ferry_posix_error fault;

static const char *folder(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s/tls", root, name);
    return path;
}

static int make(const char *name, const char *const *names, struct ferry_posix_http_certificate *out)
{
    const struct ferry_posix_http_certificate_cfg cfg = {.folder = folder(name), .names = names};
    return ferry_posix_http_certificate(&cfg, out, &fault);
}

static mode_t mode(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 0777;
}

static void read_text(const char *path, char *out, size_t cap)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(out, 1, cap - 1, file);
    fclose(file);
    out[n] = 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void made_once_and_kept(void **state)
{
    struct ferry_posix_http_certificate first, second;
    char before[4096], after[4096];
    (void)state;
    assert_int_equal(make("kept", NULL, &first), FERRY_OK);
    assert_true(first.made && !first.renewed);
    assert_int_equal(mode(first.key), 0600);
    assert_int_equal(mode(folder("kept")), 0700);
    assert_int_equal(strlen(first.fingerprint), 95);
    assert_string_equal(first.missing, "");
    assert_non_null(strstr(first.names, "127.0.0.1"));
    assert_non_null(strstr(first.names, "localhost"));
    read_text(first.cert, before, sizeof before);
    assert_int_equal(make("kept", NULL, &second), FERRY_OK);
    assert_false(second.made);
    read_text(first.cert, after, sizeof after);
    assert_string_equal(before, after);
    assert_string_equal(first.fingerprint, second.fingerprint);
    assert_true(first.until > 1700000000 && first.until == second.until);
    // A key that others may read is theirs no longer.
    chmod(first.key, 0644);
    assert_int_equal(make("kept", NULL, &second), FERRY_OK);
    assert_int_equal(mode(first.key), 0600);
}

static void names_that_it_lacks_are_told(void **state)
{
    static const char *const more[] = {"depot.example", "192.0.2.7", "2001:db8::7", NULL};
    static const char *const bad[] = {"no name at all", NULL};
    struct ferry_posix_http_certificate it;
    (void)state;
    assert_int_equal(make("names", more, &it), FERRY_OK);
    assert_non_null(strstr(it.names, "depot.example"));
    assert_non_null(strstr(it.names, "192.0.2.7"));
    assert_non_null(strstr(it.names, "2001:db8::7"));
    assert_string_equal(it.missing, "");
    assert_int_equal(make("few", NULL, &it), FERRY_OK);
    assert_int_equal(make("few", more, &it), FERRY_OK);
    assert_false(it.made); // those who trust it go on doing so
    assert_string_equal(it.missing, "depot.example");
    assert_int_equal(make("bad", bad, &it), FERRY_ERR_ARG);
}

static void what_is_not_its_own_is_left_alone(void **state)
{
    struct ferry_posix_http_certificate it, other;
    char text[64];
    (void)state;
    assert_int_equal(make("damaged", NULL, &it), FERRY_OK);
    write_text(it.key, "somebody's notes\n");
    assert_int_equal(make("damaged", NULL, &it), FERRY_ERR_STORAGE_DAMAGED);
    read_text(it.key, text, sizeof text);
    assert_string_equal(text, "somebody's notes\n");
    assert_int_equal(make("lost", NULL, &it), FERRY_OK);
    unlink(it.cert); // with its key again
    assert_int_equal(make("lost", NULL, &other), FERRY_OK);
    assert_true(other.made && other.renewed);
    unlink(it.key); // the certificate is worth nothing without its key
    assert_int_equal(make("lost", NULL, &other), FERRY_OK);
    assert_true(other.made && !other.renewed);
}

static void a_folder_that_cannot_be(void **state)
{
    struct ferry_posix_http_certificate it;
    char path[400];
    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    struct ferry_posix_http_certificate_cfg cfg = {.folder = path};
    assert_int_equal(ferry_posix_http_certificate(&cfg, &it, &fault), FERRY_ERR_STORAGE_PATH);
    cfg.folder = "/dev/null/tls";
    assert_int_equal(ferry_posix_http_certificate(&cfg, &it, &fault), FERRY_ERR_STORAGE_WRITE);
}

// Eight programs at once: one key, and all of them have it.
static void many_at_once_make_one(void **state)
{
    struct ferry_posix_http_certificate it;
    int pipes[2], makers = 0;
    char prints[8][96];
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            int status = make("race", NULL, &it);
            struct {
                char print[96];
                int made;
            } told = {"", status < 0 ? 100 : it.made};
            memcpy(told.print, it.fingerprint, sizeof told.print);
            _exit(write(pipes[1], &told, sizeof told) != sizeof told);
        }
    for (int i = 0; i < 8; i++) {
        struct {
            char print[96];
            int made;
        } told;
        assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        memcpy(prints[i], told.print, sizeof told.print);
        makers += told.made;
        wait(NULL);
    }
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(makers, 1);
    for (int i = 1; i < 8; i++)
        assert_string_equal(prints[0], prints[i]);
}

// ---- in a server ----

struct fetching {
    struct ferry_posix_http_client *client;
    struct ferry_http_client io;
};

static void fetching_start(struct fetching *f, const char *ca)
{
    const struct ferry_posix_http_client_cfg cfg = {.ca_file = ca};
    assert_int_equal(ferry_posix_http_client_new(&f->client, &cfg, &fault), FERRY_OK);
    f->io = ferry_posix_http_client(f->client);
}

static int fetch(struct fetching *f, const char *host, uint16_t port, const char *path)
{
    char url[128];
    struct ferry_http_reply reply;
    snprintf(url, sizeof url, "https://%s:%u%s", host, (unsigned)port, path);
    int status = f->io.open(f->io.ctx, &(struct ferry_http_fetch){.method = "GET", .url = url}, &reply);
    return status < 0 ? status : reply.status;
}

static int fetch_once(const char *ca, const char *host, uint16_t port)
{
    struct fetching f;
    fetching_start(&f, ca);
    int status = fetch(&f, host, port, "/show");
    ferry_posix_http_client_free(f.client);
    return status;
}

static void others_trust_it_for_its_names_only(void **state)
{
    struct ferry_posix_http_certificate it, other;
    struct served served;
    (void)state;
    assert_int_equal(make("served", NULL, &it), FERRY_OK);
    assert_int_equal(make("other", NULL, &other), FERRY_OK);
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 1, .tls_cert = it.cert, .tls_key = it.key});
    assert_int_equal(fetch_once(it.cert, "127.0.0.1", served.port), 200);
    assert_int_equal(fetch_once(it.cert, "localhost", served.port), 200);
    assert_int_equal(fetch_once(it.cert, "127.0.0.2", served.port), FERRY_ERR_WIRE_OPEN);
    assert_int_equal(fetch_once(other.cert, "127.0.0.1", served.port), FERRY_ERR_WIRE_OPEN);
    assert_int_equal(fetch_once(NULL, "127.0.0.1", served.port), FERRY_ERR_WIRE_OPEN);
    served_end(&served);
}

static void copy_over(const char *from, const char *to)
{
    char text[8192];
    read_text(from, text, sizeof text);
    write_text(to, text);
}

static void a_new_certificate_without_losing_anybody(void **state)
{
    struct ferry_posix_http_certificate it, next;
    struct served served;
    struct fetching staying;
    uint8_t byte[64];
    (void)state;
    assert_int_equal(make("reload", NULL, &it), FERRY_OK);
    assert_int_equal(make("next", NULL, &next), FERRY_OK);
    char old[320];
    snprintf(old, sizeof old, "%s.old", it.cert);
    copy_over(it.cert, old);
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 2, .tls_cert = it.cert, .tls_key = it.key});
    served_news(&served, "first", false);
    fetching_start(&staying, old);
    assert_int_equal(fetch(&staying, "127.0.0.1", served.port, "/events"), 200);
    copy_over(next.cert, it.cert); // a certificate whose key has not come yet
    assert_int_equal(ferry_posix_http_server_reload(served.server, &fault), FERRY_ERR_ARG);
    assert_int_equal(fetch_once(old, "127.0.0.1", served.port), 200);
    copy_over(next.key, it.key);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ferry_posix_http_server_reload(served.server, &fault), FERRY_OK);
        assert_int_equal(fetch_once(old, "127.0.0.1", served.port), FERRY_ERR_WIRE_OPEN);
        assert_int_equal(fetch_once(next.cert, "127.0.0.1", served.port), 200);
    }
    // Who was there before is there still.
    char heard[256] = "";
    served_news(&served, "second", false);
    for (int i = 0; i < 20 && !strstr(heard, "second"); i++) {
        int n = staying.io.read(staying.io.ctx, byte, sizeof byte);
        assert_true(n > 0);
        snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%.*s", n, (const char *)byte);
    }
    assert_non_null(strstr(heard, "second"));
    unlink(it.cert);
    assert_int_equal(ferry_posix_http_server_reload(served.server, &fault), FERRY_ERR_STORAGE_READ);
    assert_int_equal(fetch_once(next.cert, "127.0.0.1", served.port), 200);
    served_news(&served, "", true);
    ferry_posix_http_client_free(staying.client);
    served_end(&served);
    served_start(&served, &(struct ferry_posix_http_server_cfg){.threads = 1});
    assert_int_equal(ferry_posix_http_server_reload(served.server, &fault), FERRY_ERR_STATE);
    served_end(&served);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_once_and_kept),
        cmocka_unit_test(names_that_it_lacks_are_told),
        cmocka_unit_test(what_is_not_its_own_is_left_alone),
        cmocka_unit_test(a_folder_that_cannot_be),
        cmocka_unit_test(many_at_once_make_one),
        cmocka_unit_test(others_trust_it_for_its_names_only),
        cmocka_unit_test(a_new_certificate_without_losing_anybody),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
