// depot get: a build's files into a folder that `ferry flash` takes, with a ferry.json that says what goes where.
#include <cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/ferry/cmd_depot.h"
#include "ferry/base/status.h"
#include "updater/path.h"

struct getting {
    struct cli_depot *cli;
    struct ferry_depot_build build;
    struct ferry_depot_file files[FERRY_DEPOT_FILES];
    char names[FERRY_DEPOT_FILES][FERRY_DEPOT_TEXT + 16]; // in the folder: no two the same
    int count;
    char folder[1024];
};

static int write_fault(struct getting *g, const char *path)
{
    return ferry_fault_set(&g->cli->fault, FERRY_ERR_STORAGE_WRITE, path, "%.100s cannot be written: %s", path,
                           strerror(errno));
}

// Only letters, digits, '-', '_' and '.': what came over a network must not choose where it lands.
static void clean(char *name, const char *otherwise)
{
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+@", *c))
            *c = '_';
    if (*name == 0 || *name == '.' || *name == '-')
        strcpy(name, otherwise);
}

static bool taken(const struct getting *g, int count, const char *name)
{
    bool found = strcmp(name, "ferry.json") == 0;
    for (int i = 0; i < count; i++)
        found = found || strcmp(g->names[i], name) == 0;
    return found;
}

static void name_files(struct getting *g)
{
    for (int i = 0; i < g->count; i++) {
        char *name = g->names[i];
        snprintf(name, sizeof g->names[i], "%s", g->files[i].name);
        clean(name, "file.bin");
        if (taken(g, i, name))
            snprintf(name, sizeof g->names[i], "%d_%.60s", i, g->files[i].name), clean(name, "file.bin");
    }
}

// ---- writing ----

static int copy(struct getting *g, const struct ferry_depot_blob *blob, FILE *out, const char *path)
{
    uint8_t piece[16384];
    int n = 0;
    for (uint32_t at = 0; at < blob->size; at += (uint32_t)n) {
        n = ferry_depot_blob_read(g->cli->depot, blob->id, at, piece, sizeof piece);
        if (n < 0)
            return cli_depot_fault(&g->cli->fault, ferry_depot_error(g->cli->depot));
        if (n == 0 || fwrite(piece, 1, (size_t)n, out) != (size_t)n)
            return write_fault(g, path);
    }
    return FERRY_OK;
}

// Whole under its name, or not there at all.
static int write_file(struct getting *g, int i)
{
    char path[1200], part[1210];
    if (ferry_depot_blob_verify(g->cli->depot, g->files[i].blob.id) < 0)
        return cli_depot_fault(&g->cli->fault, ferry_depot_error(g->cli->depot));
    snprintf(path, sizeof path, "%s/%s", g->folder, g->names[i]);
    snprintf(part, sizeof part, "%s.part", path);
    FILE *out = fopen(part, "wb");
    if (!out)
        return write_fault(g, part);
    int status = copy(g, &g->files[i].blob, out, part);
    ferry_depot_blob_rest(g->cli->depot);
    if (status >= 0 && (fflush(out) != 0 || fsync(fileno(out)) != 0))
        status = write_fault(g, part);
    fclose(out);
    if (status >= 0 && rename(part, path) != 0)
        status = write_fault(g, path);
    if (status < 0)
        unlink(part);
    return status;
}

static int write_manifest(struct getting *g)
{
    char path[1200], address[16];
    cJSON *root = cli_display_object(), *files = cJSON_AddObjectToObject(root, "files");
    snprintf(path, sizeof path, "%s/ferry.json", g->folder);
    cJSON_AddStringToObject(root, "name", g->build.project);
    cJSON_AddStringToObject(root, "version", g->build.version);
    if (*g->build.chip)
        cJSON_AddStringToObject(root, "chip", g->build.chip);
    for (int i = 0; i < g->count; i++) {
        snprintf(address, sizeof address, "0x%lx", (unsigned long)g->files[i].address);
        cJSON_AddStringToObject(files, address, g->names[i]);
    }
    char *text = cJSON_Print(root);
    FILE *out = fopen(path, "wb");
    bool good = text && out && fprintf(out, "%s\n", text) > 0;
    good = out && fclose(out) == 0 && good;
    cJSON_free(text);
    cJSON_Delete(root);
    return good ? FERRY_OK : write_fault(g, path);
}

static int make_folder(struct getting *g)
{
    char name[FERRY_DEPOT_TEXT * 2 + FERRY_DEPOT_CHIP + 4];
    const struct ferry_depot_build *b = &g->build;
    snprintf(name, sizeof name, "%s%s%s%s%s", b->project, *b->version ? "-" : "", b->version, *b->chip ? "-" : "",
             b->chip);
    clean(name, "firmware");
    snprintf(g->folder, sizeof g->folder, "%s", g->cli->options.out ? g->cli->options.out : name);
    return mkdir(g->folder, 0777) == 0 || errno == EEXIST ? FERRY_OK : write_fault(g, g->folder);
}

static int get(struct getting *g)
{
    int status = make_folder(g);
    name_files(g);
    for (int i = 0; status >= 0 && i < g->count; i++)
        status = write_file(g, i);
    bool placed = g->count > 1 || g->files[0].address != FERRY_DEPOT_NO_ADDRESS;
    return status >= 0 && placed ? write_manifest(g) : status;
}

int cli_depot_get(struct cli_depot *cli)
{
    struct getting *g = calloc(1, sizeof *g);
    if (cli->options.arg_count != 1 || !g) {
        free(g);
        return cli_depot_usage("get", "'get' wants one build: PROJECT@CHANNEL, PROJECT@VERSION, #ID, SHA-256");
    }
    g->cli = cli;
    int code = cli_depot_one(cli, cli->options.args[0], &g->build);
    if (code < 0 && (g->count = ferry_depot_build_files(cli->depot, g->build.id, g->files)) < 0)
        code = cli_depot_fail(cli);
    if (code < 0 && get(g) < 0)
        code = cli_depot_told(cli);
    if (code < 0) {
        cJSON *object = cli_depot_build_json(&g->build);
        cJSON_AddStringToObject(object, "folder", g->folder);
        cli_display_json(&cli->display, "got", object);
        cli_display_good(&cli->display, "%s/: %d file%s, each with the SHA-256 it was stored with.", g->folder,
                         g->count, g->count == 1 ? "" : "s");
        code = 0;
    }
    free(g);
    return code;
}
