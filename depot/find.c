// What a person names: "blink@stable", "blink@1.2.0", "#12", digits of a SHA-256.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depot/build.h"
#include "ferry/base/status.h"

enum { DIGITS_MIN = 8, MOST = 64 };

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// The lowest and highest SHA-256 that begin with these digits; false = not 8 to 64 digits.
static bool digits(const char *text, uint8_t low[FERRY_SHA256_SIZE], uint8_t high[FERRY_SHA256_SIZE])
{
    size_t len = strlen(text);
    memset(low, 0, FERRY_SHA256_SIZE);
    memset(high, 0xff, FERRY_SHA256_SIZE);
    for (size_t i = 0; i < len && len <= 2 * FERRY_SHA256_SIZE; i++) {
        int value = nibble(text[i]);
        if (value < 0)
            return false;
        unsigned shift = i % 2 ? 0 : 4;
        low[i / 2] = (uint8_t)(low[i / 2] | value << shift);
        high[i / 2] = (uint8_t)((high[i / 2] & ~(0xfu << shift)) | (unsigned)value << shift);
    }
    return len >= DIGITS_MIN && len <= 2 * FERRY_SHA256_SIZE;
}

static int by_digits(struct ferry_depot *self, const char *text, const char *chip, struct ferry_depot_build *out)
{
    static const char sql[] =
        "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM build b WHERE ($3 = '' OR b.chip = $3)"
        " AND (b.sha256 BETWEEN $1 AND $2 OR b.app_sha256 BETWEEN $1 AND $2 OR b.app_image_sha256 BETWEEN $1 AND $2"
        " OR b.app_elf_sha256 BETWEEN $1 AND $2 OR EXISTS (SELECT 1 FROM file f JOIN blob x ON x.id = f.blob"
        " WHERE f.build = b.id AND b.file_count = 1 AND x.sha256 BETWEEN $1 AND $2)) ORDER BY b.id DESC LIMIT 64";
    uint8_t low[FERRY_SHA256_SIZE], high[FERRY_SHA256_SIZE];
    if (!digits(text, low, high))
        return 0;
    return ferry_depot_build_rows(self,
                                  FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_SHA256(low),
                                                    FERRY_DEPOT_QUERY_SHA256(high), FERRY_DEPOT_QUERY_TEXT(chip)),
                                  out, MOST);
}

// The build that the channel points at, one for each chip.
static int by_channel(struct ferry_depot *self, const char *project, const char *channel, const char *chip,
                      struct ferry_depot_build *out)
{
    static const char sql[] = "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM channel c JOIN build b ON b.id = c.build"
                              " WHERE c.project = $1 AND c.name = $2 AND ($3 = '' OR c.chip = $3)"
                              " ORDER BY c.chip LIMIT 64";
    return ferry_depot_build_rows(self,
                                  FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(project),
                                                    FERRY_DEPOT_QUERY_TEXT(channel), FERRY_DEPOT_QUERY_TEXT(chip)),
                                  out, MOST);
}

static int by_version(struct ferry_depot *self, const char *project, const char *version, const char *chip,
                      struct ferry_depot_build *out)
{
    static const char sql[] =
        "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM build b WHERE b.project = $1"
        " AND ($2 = '' OR b.version = $2) AND ($3 = '' OR b.chip = $3) ORDER BY b.id DESC LIMIT 64";
    return ferry_depot_build_rows(self,
                                  FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(project),
                                                    FERRY_DEPOT_QUERY_TEXT(version), FERRY_DEPOT_QUERY_TEXT(chip)),
                                  out, MOST);
}

// The newest for each chip.
static int by_age(struct ferry_depot *self, const char *project, const char *chip, struct ferry_depot_build *out)
{
    static const char sql[] = "SELECT " FERRY_DEPOT_BUILD_COLUMNS " FROM build b WHERE b.project = $1"
                              " AND ($2 = '' OR b.chip = $2) AND b.id = (SELECT max(n.id) FROM build n"
                              " WHERE n.project = b.project AND n.chip = b.chip) ORDER BY b.id DESC LIMIT 64";
    return ferry_depot_build_rows(
        self, FERRY_DEPOT_QUERY(self, sql, FERRY_DEPOT_QUERY_TEXT(project), FERRY_DEPOT_QUERY_TEXT(chip)), out, MOST);
}

static int by_name(struct ferry_depot *self, const char *project, const char *at, const char *chip,
                   struct ferry_depot_build *out)
{
    if (at && strcmp(at, "latest") == 0)
        return by_age(self, project, chip, out);
    int count = by_channel(self, project, at ? at : "stable", chip, out);
    return count ? count : by_version(self, project, at ? at : "", chip, out);
}

static int by_id(struct ferry_depot *self, const char *text, const char *chip, struct ferry_depot_build *out)
{
    char *end;
    long long id = strtoll(text, &end, 10);
    if (*end || id <= 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "#12, as ferry depot list shows",
                                       "#%.40s is no number of a build", text);
    int status = ferry_depot_build_get(self, id, out);
    bool other = status >= 0 && *chip && strcmp(out->chip, chip) != 0;
    return other ? 0 : status < 0 ? status : 1;
}

static int judge(struct ferry_depot *self, const char *reference, const struct ferry_depot_build *found, int count)
{
    if (count == 0)
        return ferry_depot_engine_fail(self, FERRY_ERR_STORAGE_MISSING, "see: ferry depot list, ferry depot channel",
                                       "the depot has no %.100s", reference);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(found[i].chip, found[k].chip) == 0)
                return ferry_depot_engine_fail(
                    self, FERRY_ERR_AMBIGUOUS, "name one: PROJECT@VERSION, PROJECT@latest, #ID or its SHA-256",
                    "%.100s can be build #%lld (%.60s) or #%lld (%.60s)", reference, (long long)found[k].id,
                    found[k].version, (long long)found[i].id, found[i].version);
    return count;
}

static int lookup(struct ferry_depot *self, const char *reference, const char *chip, struct ferry_depot_build *found)
{
    char project[FERRY_DEPOT_TEXT];
    const char *at = strrchr(reference, '@');
    size_t len = at ? (size_t)(at - reference) : strlen(reference);
    if (strstr(reference, "://")) // not repeated: there may be a password in it
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "the depot's address: --depot URL, or FERRY_DEPOT",
                                       "this is an address, and no name of a build");
    if (reference[0] == '#')
        return by_id(self, reference + 1, chip, found);
    if (len == 0 || (at && !at[1]))
        return ferry_depot_engine_fail(self, FERRY_ERR_ARG, "PROJECT@CHANNEL, PROJECT@VERSION, #ID or its SHA-256",
                                       "'%.100s' names no build", reference);
    int count = 0;
    if (len < sizeof project) {
        memcpy(project, reference, len);
        project[len] = 0;
        count = by_name(self, project, at ? at + 1 : 0, chip, found);
    }
    return count == 0 && !at ? by_digits(self, reference, chip, found) : count;
}

static int which_chip(struct ferry_depot *self, const char *reference, const struct ferry_depot_build *found, int count)
{
    char chips[160] = "name the chip too (--chip):";
    for (int i = 0; i < count && i < 8; i++) {
        size_t used = strlen(chips);
        snprintf(chips + used, sizeof chips - used, "%s %s", i ? "," : "", *found[i].chip ? found[i].chip : "none");
    }
    return ferry_depot_engine_fail(self, FERRY_ERR_AMBIGUOUS, chips, "%.100s is there for %d chips", reference, count);
}

int ferry_depot_find(struct ferry_depot *self, const char *reference, const char *chip, struct ferry_depot_build *out,
                     size_t cap)
{
    int count = ferry_depot_query_check_some(self, "the name of the build", reference, 2 * FERRY_DEPOT_TEXT + 1);
    if (count >= 0)
        count = ferry_depot_query_check(self, "the chip", chip, FERRY_DEPOT_CHIP);
    struct ferry_depot_build *found = count < 0 ? 0 : malloc(MOST * sizeof *found);
    if (count >= 0 && !found)
        return ferry_depot_engine_fail(self, FERRY_ERR_NO_MEMORY, 0, "out of memory");
    if (count >= 0)
        count = lookup(self, reference, chip ? chip : "", found);
    if (count >= 0)
        count = judge(self, reference, found, count);
    if (count > 0 && (size_t)count > cap)
        count = which_chip(self, reference, found, count);
    if (count > 0)
        memcpy(out, found, (size_t)count * sizeof *out);
    free(found);
    return count;
}
