#include "ports/posix/http_certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ferry/base/status.h"

#define DAY 86400
#define LIVES (3650 * (time_t)DAY)
#define NAMES_MAX 40
#define FILE_MAX 65536

struct name {
    char text[80];
    unsigned char address[16];
    unsigned len; // of the address, 0 = a host name
};

struct making {
    const struct ferry_posix_http_certificate_cfg *cfg;
    struct ferry_posix_http_certificate *out;
    struct ferry_posix_error *error;
    struct name names[NAMES_MAX];
    size_t name_count;
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
    bool has_key, has_cert; // read from the folder
};

static int tls_fault(struct making *m, int code, const char *what)
{
    return ferry_posix_error_set(m->error, FERRY_ERR_UNSUPPORTED, m->cfg->folder, "%s: %s", what,
                                 gnutls_strerror(code));
}

// ---- names ----

static bool fits_host(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < sizeof((struct name *)0)->text && text[0] != '.' && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len;
}

static bool add_name(struct making *m, const char *text)
{
    struct name name = {0};
    if (m->name_count == NAMES_MAX || strlen(text) >= sizeof name.text)
        return m->name_count == NAMES_MAX;
    snprintf(name.text, sizeof name.text, "%s", text);
    if (inet_pton(AF_INET, text, name.address) == 1)
        name.len = 4;
    else if (inet_pton(AF_INET6, text, name.address) == 1)
        name.len = 16;
    else if (!fits_host(text))
        return false;
    for (size_t i = 0; i < m->name_count; i++)
        if (strcmp(m->names[i].text, name.text) == 0)
            return true;
    m->names[m->name_count++] = name;
    return true;
}

// Addresses that others may call this computer by; those of a link alone mean nothing without its interface.
static void add_addresses(struct making *m)
{
    struct ifaddrs *all = NULL;
    char text[INET6_ADDRSTRLEN];
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        const void *address = NULL;
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
            address = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
        else if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6 &&
                 !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr))
            address = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
        if (address && inet_ntop(a->ifa_addr->sa_family, address, text, sizeof text))
            add_name(m, text);
    }
    freeifaddrs(all);
}

static int collect_names(struct making *m)
{
    char host[65] = "", local[72];
    for (const char *const *name = m->cfg->names; name && *name; name++)
        if (!add_name(m, *name))
            return ferry_posix_error_set(m->error, FERRY_ERR_ARG, NULL, "'%.60s' is no host name and no address",
                                         *name);
    if (gethostname(host, sizeof host - 1) == 0 && fits_host(host)) {
        add_name(m, host);
        snprintf(local, sizeof local, "%s.local", host);
        if (!strchr(host, '.'))
            add_name(m, local);
    }
    add_name(m, "localhost");
    add_name(m, "127.0.0.1");
    add_name(m, "::1");
    add_addresses(m);
    return FERRY_OK;
}

// ---- files ----

static int make_folders(struct making *m)
{
    char path[300];
    int n = snprintf(path, sizeof path, "%s", m->cfg->folder);
    if (n <= 0 || (size_t)n >= sizeof path - 16)
        return ferry_posix_error_set(m->error, FERRY_ERR_STORAGE_PATH, NULL,
                                     "the path of the folder for the certificate is too long");
    for (char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        if (at)
            *at = 0;
        bool good = mkdir(path, 0700) == 0 || errno == EEXIST;
        if (!good)
            return ferry_posix_error_set(m->error, FERRY_ERR_STORAGE_WRITE, path,
                                         "the folder for the certificate cannot be made: %s", strerror(errno));
        if (!at)
            return FERRY_OK;
        *at = '/';
    }
}

// 1 = *out (malloc'd, with an end) is there, 0 = no such file.
static int load(struct making *m, const char *path, gnutls_datum_t *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    out->data = fd >= 0 ? malloc(FILE_MAX) : NULL;
    ssize_t n = out->data ? read(fd, out->data, FILE_MAX - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        free(out->data);
        return ferry_posix_error_set(m->error, FERRY_ERR_STORAGE_READ, path, "%.200s cannot be read: %s", path,
                                     strerror(errno));
    }
    out->data[n] = 0;
    out->size = (unsigned)n;
    return 1;
}

static int damaged(struct making *m, const char *path, int code)
{
    ferry_posix_error_set(m->error, FERRY_ERR_STORAGE_DAMAGED, path, "%.120s is not what Ferry has put there: %s", path,
                          gnutls_strerror(code));
    ferry_posix_error_hint(m->error, "remove it to have a new one made, or use --tls-cert and --tls-key");
    return FERRY_ERR_STORAGE_DAMAGED;
}

static int load_both(struct making *m)
{
    gnutls_datum_t text;
    int code = 0, status = load(m, m->out->key, &text);
    if (status > 0) {
        code = gnutls_x509_privkey_import(m->key, &text, GNUTLS_X509_FMT_PEM);
        explicit_bzero(text.data, text.size);
        free(text.data);
        m->has_key = code >= 0;
        if (code >= 0)
            chmod(m->out->key, 0600);
    }
    if (status < 0 || code < 0)
        return status < 0 ? status : damaged(m, m->out->key, code);
    status = load(m, m->out->cert, &text);
    if (status > 0) {
        code = gnutls_x509_crt_import(m->cert, &text, GNUTLS_X509_FMT_PEM);
        free(text.data);
        m->has_cert = code >= 0;
    }
    return status < 0 ? status : code < 0 ? damaged(m, m->out->cert, code) : FERRY_OK;
}

// All of it or what was there.
static int store(struct making *m, const char *path, const gnutls_datum_t *text, mode_t mode)
{
    char fresh[320];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool good =
        fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text->data, text->size) == (ssize_t)text->size && fsync(fd) == 0;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (good && rename(fresh, path) == 0)
        return FERRY_OK;
    int cause = errno;
    unlink(fresh);
    return ferry_posix_error_set(m->error, FERRY_ERR_STORAGE_WRITE, path, "%.200s cannot be written: %s", path,
                                 strerror(cause));
}

// ---- the certificate ----

static bool belong_together(struct making *m)
{
    unsigned char mine[64], its[64];
    size_t mine_len = sizeof mine, its_len = sizeof its;
    return gnutls_x509_privkey_get_key_id(m->key, GNUTLS_KEYID_USE_SHA256, mine, &mine_len) >= 0 &&
           gnutls_x509_crt_get_key_id(m->cert, GNUTLS_KEYID_USE_SHA256, its, &its_len) >= 0 && mine_len == its_len &&
           memcmp(mine, its, mine_len) == 0;
}

static bool still_good(struct making *m)
{
    return m->has_key && m->has_cert && belong_together(m) && gnutls_x509_crt_get_expiration_time(m->cert) > time(NULL);
}

static int fill_names(struct making *m)
{
    int code = 0;
    for (size_t i = 0; i < m->name_count && code >= 0; i++) {
        const struct name *name = &m->names[i];
        code = gnutls_x509_crt_set_subject_alt_name(m->cert, name->len ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                                    name->len ? (const void *)name->address : (const void *)name->text,
                                                    name->len ? name->len : (unsigned)strlen(name->text),
                                                    i ? GNUTLS_FSAN_APPEND : GNUTLS_FSAN_SET);
    }
    return code;
}

static int fill_cert(struct making *m)
{
    unsigned char serial[16], id[64];
    size_t id_len = sizeof id;
    time_t now = time(NULL);
    const char *name = m->names[0].text;
    int code = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x3F) | 0x40); // positive, and always as long
    if (code >= 0)
        code = gnutls_x509_crt_set_version(m->cert, 3);
    if (code >= 0)
        code = gnutls_x509_crt_set_serial(m->cert, serial, sizeof serial);
    if (code >= 0)
        code = gnutls_x509_crt_set_activation_time(m->cert, now - DAY); // others' clocks may be a little behind
    if (code >= 0)
        code = gnutls_x509_crt_set_expiration_time(m->cert, now + LIVES);
    if (code >= 0)
        code =
            gnutls_x509_crt_set_dn_by_oid(m->cert, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strnlen(name, 64));
    if (code >= 0)
        code = gnutls_x509_crt_set_key(m->cert, m->key);
    if (code >= 0)
        code = gnutls_x509_crt_set_basic_constraints(m->cert, 0, -1);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_usage(m->cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (code >= 0)
        code = gnutls_x509_crt_set_key_purpose_oid(m->cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (code >= 0)
        code = gnutls_x509_crt_get_key_id(m->cert, GNUTLS_KEYID_USE_SHA1, id, &id_len);
    if (code >= 0)
        code = gnutls_x509_crt_set_subject_key_id(m->cert, id, id_len);
    return code < 0 ? code : fill_names(m);
}

static int make_key(struct making *m)
{
    gnutls_datum_t text;
    int code =
        gnutls_x509_privkey_generate(m->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (code >= 0)
        code = gnutls_x509_privkey_export2(m->key, GNUTLS_X509_FMT_PEM, &text);
    if (code < 0)
        return tls_fault(m, code, "no key can be made");
    int status = store(m, m->out->key, &text, 0600);
    explicit_bzero(text.data, text.size);
    gnutls_free(text.data);
    return status;
}

static int fresh(struct making *m)
{
    gnutls_x509_crt_deinit(m->cert);
    m->cert = NULL;
    return gnutls_x509_crt_init(&m->cert);
}

static int make_cert(struct making *m)
{
    gnutls_datum_t text = {NULL, 0};
    int code = fresh(m); // what was read into it has run out
    if (code >= 0)
        code = fill_cert(m);
    if (code >= 0)
        code = gnutls_x509_crt_sign2(m->cert, m->cert, m->key, GNUTLS_DIG_SHA256, 0);
    if (code >= 0)
        code = gnutls_x509_crt_export2(m->cert, GNUTLS_X509_FMT_PEM, &text);
    if (code >= 0)
        code = fresh(m);
    if (code >= 0)
        code = gnutls_x509_crt_import(m->cert, &text, GNUTLS_X509_FMT_PEM); // only what was read shows its names
    int status = code < 0 ? tls_fault(m, code, "no certificate can be made") : store(m, m->out->cert, &text, 0644);
    gnutls_free(text.data);
    return status;
}

static int make(struct making *m)
{
    m->out->made = true;
    m->out->renewed = m->has_key;
    int status = m->has_key ? FERRY_OK : make_key(m);
    return status < 0 ? status : make_cert(m);
}

// ---- telling ----

static void tell_names(struct making *m)
{
    struct ferry_posix_http_certificate *out = m->out;
    size_t used = 0;
    for (unsigned i = 0;; i++) {
        char name[256], text[INET6_ADDRSTRLEN];
        size_t len = sizeof name - 1;
        int kind = gnutls_x509_crt_get_subject_alt_name(m->cert, i, name, &len, NULL);
        if (kind < 0)
            break;
        name[len] = 0;
        const char *shown = name;
        if (kind == GNUTLS_SAN_IPADDRESS)
            shown = inet_ntop(len == 4 ? AF_INET : AF_INET6, name, text, sizeof text);
        if (!shown)
            continue;
        if (used + strlen(shown) + 8 > sizeof out->names) {
            strcpy(out->names + used, ", ...");
            break;
        }
        used += (size_t)snprintf(out->names + used, sizeof out->names - used, "%s%s", used ? ", " : "", shown);
    }
    for (size_t i = 0; i < m->name_count && !out->missing[0]; i++)
        if (!gnutls_x509_crt_check_hostname2(m->cert, m->names[i].text, GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS))
            snprintf(out->missing, sizeof out->missing, "%s", m->names[i].text);
}

static int tell(struct making *m)
{
    unsigned char sum[32];
    size_t len = sizeof sum;
    int code = gnutls_x509_crt_get_fingerprint(m->cert, GNUTLS_DIG_SHA256, sum, &len);
    if (code < 0)
        return tls_fault(m, code, "the certificate has no fingerprint");
    for (size_t i = 0; i < len; i++)
        snprintf(m->out->fingerprint + 3 * i, 4, "%02X%s", sum[i], i + 1 < len ? ":" : "");
    m->out->until = (int64_t)gnutls_x509_crt_get_expiration_time(m->cert);
    tell_names(m);
    return FERRY_OK;
}

// ---- all together ----

static int take_or_make(struct making *m)
{
    int status = collect_names(m);
    if (status >= 0)
        status = load_both(m);
    if (status >= 0 && !still_good(m))
        status = make(m);
    return status < 0 ? status : tell(m);
}

static int with_tls(struct making *m)
{
    int code = gnutls_x509_privkey_init(&m->key);
    if (code < 0)
        return tls_fault(m, code, "no key can be made");
    code = gnutls_x509_crt_init(&m->cert);
    int status = code < 0 ? tls_fault(m, code, "no certificate can be made") : take_or_make(m);
    gnutls_x509_privkey_deinit(m->key);
    if (m->cert)
        gnutls_x509_crt_deinit(m->cert);
    return status;
}

int ferry_posix_http_certificate(const struct ferry_posix_http_certificate_cfg *cfg,
                                 struct ferry_posix_http_certificate *out, struct ferry_posix_error *error)
{
    struct making *m = calloc(1, sizeof *m);
    char path[320];
    *out = (struct ferry_posix_http_certificate){0};
    if (!m)
        return ferry_posix_error_set(error, FERRY_ERR_NO_MEMORY, NULL, "no memory for a certificate");
    *m = (struct making){.cfg = cfg, .out = out, .error = error};
    int status = make_folders(m);
    if (status >= 0) {
        snprintf(out->key, sizeof out->key, "%s/key.pem", cfg->folder);
        snprintf(out->cert, sizeof out->cert, "%s/cert.pem", cfg->folder);
        snprintf(path, sizeof path, "%s/lock", cfg->folder);
        int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (lock < 0 || flock(lock, LOCK_EX) != 0)
            status = ferry_posix_error_set(error, FERRY_ERR_STORAGE_WRITE, path, "%.200s cannot be locked: %s", path,
                                           strerror(errno));
        else
            status = with_tls(m);
        if (lock >= 0)
            close(lock);
    }
    free(m);
    return status;
}
