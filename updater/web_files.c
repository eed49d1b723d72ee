// Uploads onto the card. What arrives is a file of another name in .ferry until its last byte is there and on the card;
// then it is renamed to its place. A torn upload leaves nothing: neither does one that a power cut ends, for .ferry is
// cleaned at the next start.
//
// PUT files/NAME               one file
// PUT files/FOLDER/NAME?set=S  a file of several that belong together; none is seen before
// POST files/FOLDER?set=S      puts the whole folder in its place
// DELETE files/FOLDER?set=S    drops what has come of it
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "updater/path.h"
#include "updater/tree.h"
#include "updater/web_name.h"
#include "updater/web_work.h"

#define RESERVE (64u << 10) // bytes of the card that stay free for log and journal
#define SET_NAME 20

struct ferry_web_upload {
    FILE *file;
    bool replace;
    char set[SET_NAME + 1];
    int64_t got;
    char name[FERRY_WEB_NAME_MAX + 1];
    char part[FERRY_CARGO_PATH]; // where it is until it is whole
    char path[FERRY_CARGO_PATH]; // where it belongs
};

static bool asked(const struct ferry_http_request *request, const char *name)
{
    const char *value = request->query(request->ctx, name);
    return value && strcmp(value, "1") == 0;
}

// "" = none; false = no good name.
static bool take_set(const struct ferry_http_request *request, char out[SET_NAME + 1])
{
    const char *set = request->query(request->ctx, "set");
    size_t len = set ? strlen(set) : 0;
    out[0] = 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)set[i]))
            return false;
    if (len > SET_NAME)
        return false;
    snprintf(out, SET_NAME + 1, "%s", set ? set : "");
    return true;
}

static bool refuse(struct ferry_http_answer *answer, int status, const char *name, const char *what, const char *where,
                   const char *hint)
{
    ferry_web_answer_error(answer, status, name, what, where, hint);
    return true;
}

// Something of that name (in any case: FAT does not tell them apart) lies in the folder of path already.
static bool is_taken(const char *path)
{
    char folder[FERRY_CARGO_PATH];
    const char *base = ferry_path_base(path);
    struct stat st;
    if (stat(path, &st) == 0)
        return true;
    ferry_path_folder(folder, sizeof folder, path);
    DIR *dir = opendir(folder);
    bool found = false;
    for (struct dirent *entry; dir && !found && (entry = readdir(dir)) != NULL;)
        found = strcasecmp(entry->d_name, base) == 0;
    if (dir)
        closedir(dir);
    return found;
}

// True: there is something in the way, and *answer says what. Replacing needs the very name. Under lock.
static bool in_the_way(const struct ferry_web *self, const struct ferry_web_upload *up,
                       struct ferry_http_answer *answer)
{
    struct stat st;
    if (up->set[0])
        return false;
    if (ferry_web_in_use(self, up->path))
        return refuse(answer, 409, "BUSY", "a job reads from there", up->name, "wait until it has ended, or stop it");
    if (!is_taken(up->path))
        return false;
    if (!up->replace)
        return refuse(answer, 409, "EXISTS", "there is a file of that name already", up->name,
                      "give it another name, or replace the file");
    if (stat(up->path, &st) != 0 || !S_ISREG(st.st_mode))
        return refuse(answer, 409, "EXISTS", "there is something else of that name", up->name, "give it another name");
    return false;
}

static bool has_room(const struct ferry_web *self, int64_t bytes)
{
    uint64_t free_bytes = 0, total = 0;
    if (!self->cfg.space || self->cfg.space(self->cfg.ctx, &free_bytes, &total) < 0)
        return true;
    return (uint64_t)bytes + RESERVE <= free_bytes;
}

static bool too_large(const struct ferry_web *self, struct ferry_http_answer *answer, const char *name)
{
    char what[80];
    snprintf(what, sizeof what, "the file is larger than %u MB", (unsigned)(self->cfg.upload_limit >> 20));
    return refuse(answer, 413, "TOO_LARGE", what, name, "no target has a flash that large");
}

static bool check(const struct ferry_web *self, const struct ferry_http_request *http,
                  const struct ferry_web_upload *up, struct ferry_http_answer *answer)
{
    const char *wrong = ferry_web_name_wrong(up->name);
    if (wrong)
        return refuse(answer, 422, "NAME", wrong, up->name, "rename the file");
    if (http->length > (int64_t)self->cfg.upload_limit)
        return too_large(self, answer, up->name);
    if (http->length > 0 && !has_room(self, http->length))
        return refuse(answer, 507, "NO_SPACE", "the card has not enough space left", up->name,
                      "remove what is not needed any more");
    return in_the_way(self, up, answer);
}

// Names where it goes and where it waits.
static bool name_paths(struct ferry_web *self, struct ferry_web_upload *up)
{
    char text[FERRY_WEB_NAME_MAX + 64];
    if (up->set[0])
        snprintf(text, sizeof text, ".ferry/set-%s/%s", up->set, up->name);
    else
        snprintf(text, sizeof text, "%s", up->name);
    bool fits = ferry_path_under(up->path, sizeof up->path, self->dir, text);
    snprintf(text, sizeof text, ".ferry/up-%u.part", (unsigned)++self->parts);
    return ferry_path_under(up->part, sizeof up->part, self->dir, text) && fits;
}

static bool begin(struct ferry_web *self, struct ferry_web_upload *up, struct ferry_http_answer *answer)
{
    struct ferry_fault fault;
    if (ferry_tree_folders(self->dir, up->part, &fault) == FERRY_OK) {
        up->file = fopen(up->part, "wb");
        if (up->file)
            return false;
        ferry_fault_set(&fault, FERRY_ERR_STORAGE_WRITE, up->name, "the card cannot be written: %s", strerror(errno));
    }
    ferry_web_answer_fault(answer, &fault);
    return true;
}

bool ferry_web_upload_open(struct ferry_web_request *request, const char *path, struct ferry_http_answer *answer)
{
    struct ferry_web *self = request->web;
    struct ferry_web_upload *up = calloc(1, sizeof *up);
    if (!up)
        return refuse(answer, 503, "NO_MEMORY", "no memory for the upload", NULL, "try again in a moment");
    request->upload = up;
    up->replace = asked(request->http, "replace");
    if (!take_set(request->http, up->set) || strlen(path) > FERRY_WEB_NAME_MAX)
        return refuse(answer, 422, "NAME", "the path is longer than 120 bytes", NULL, "rename the file");
    snprintf(up->name, sizeof up->name, "%s", path);
    ferry_web_lock(self);
    bool fits = name_paths(self, up);
    bool refused = fits && check(self, request->http, up, answer);
    ferry_web_unlock(self);
    if (!fits)
        return refuse(answer, 422, "NAME", "the path is too long for this card", up->name, "rename the file");
    return refused || begin(self, up, answer);
}

bool ferry_web_upload_body(struct ferry_web_request *request, const uint8_t *bytes, size_t len,
                           struct ferry_http_answer *answer)
{
    struct ferry_web *self = request->web;
    struct ferry_web_upload *up = request->upload;
    if ((int64_t)len > (int64_t)self->cfg.upload_limit - up->got)
        return too_large(self, answer, up->name);
    errno = 0;
    if (fwrite(bytes, 1, len, up->file) == len) {
        up->got += (int64_t)len;
        return false;
    }
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return refuse(answer, 507, full ? "NO_SPACE" : "STORAGE_WRITE",
                  full ? "the card has not enough space left" : "the card cannot be written", up->name,
                  full ? "remove what is not needed any more" : "is it write-protected, or gone?");
}

void ferry_web_upload_abort(struct ferry_web_request *request)
{
    struct ferry_web_upload *up = request->upload;
    if (up->file) {
        fclose(up->file);
        remove(up->part);
    }
    free(up);
    request->upload = NULL;
}

// Everything is on the card.
static bool settle(struct ferry_web_upload *up)
{
    bool good = fflush(up->file) == 0 && fsync(fileno(up->file)) == 0;
    good = fclose(up->file) == 0 && good;
    up->file = NULL;
    return good;
}

// True: *answer says why not.
static bool put_in_place(struct ferry_web *self, struct ferry_web_upload *up, struct ferry_http_answer *answer)
{
    struct ferry_fault fault;
    if (in_the_way(self, up, answer))
        return true;
    int status = ferry_tree_folders(self->dir, up->path, &fault);
    if (status == FERRY_OK && ferry_web_replace(up->part, up->path) < 0)
        status = ferry_fault_set(&fault, FERRY_ERR_STORAGE_WRITE, up->name, "the card cannot be written: %s",
                                 strerror(errno));
    if (status < 0) {
        ferry_web_answer_fault(answer, &fault);
        return true;
    }
    if (!up->set[0])
        ferry_web_touched(self);
    return false;
}

static void answer_created(struct ferry_http_answer *answer, const char *path, int64_t size)
{
    char text[FERRY_WEB_NAME_MAX * 6 + 64];
    struct ferry_web_json json = ferry_web_json_begin(text, sizeof text);
    ferry_web_json_open(&json, NULL, '{');
    ferry_web_json_text(&json, "path", path);
    if (size >= 0)
        ferry_web_json_number(&json, "size", size);
    ferry_web_json_close(&json, '}');
    ferry_web_answer_json(answer, 201, text, json.len);
}

void ferry_web_upload_done(struct ferry_web_request *request, struct ferry_http_answer *answer)
{
    struct ferry_web *self = request->web;
    struct ferry_web_upload *up = request->upload;
    int64_t announced = request->http->length;
    bool refused = true;
    if (announced >= 0 && announced != up->got) {
        refuse(answer, 400, "TORN", "less has come than was announced", up->name, "send it again");
    } else if (!settle(up)) {
        refuse(answer, 507, "STORAGE_WRITE", "the card cannot be written", up->name, "is it full, or gone?");
    } else {
        ferry_web_lock(self);
        refused = put_in_place(self, up, answer);
        ferry_web_unlock(self);
    }
    if (!refused)
        answer_created(answer, up->name, up->got);
    if (up->file)
        fclose(up->file);
    if (refused)
        remove(up->part);
    free(up);
    request->upload = NULL;
    ferry_web_wake(self);
}

// ---- a folder, whole ----

struct commit {
    char set[SET_NAME + 1];
    char from[FERRY_CARGO_PATH], to[FERRY_CARGO_PATH], old[FERRY_CARGO_PATH], base[FERRY_CARGO_PATH];
};

static bool name_commit(struct ferry_web *self, const char *name, struct commit *c)
{
    char text[FERRY_WEB_NAME_MAX + 64];
    const char *dir = self->dir;
    snprintf(text, sizeof text, ".ferry/set-%s/%s", c->set, name);
    bool fits = ferry_path_under(c->from, sizeof c->from, dir, text);
    snprintf(text, sizeof text, ".ferry/set-%s", c->set);
    fits = ferry_path_under(c->base, sizeof c->base, dir, text) && fits;
    snprintf(text, sizeof text, ".ferry/old-%u", (unsigned)++self->parts);
    fits = ferry_path_under(c->old, sizeof c->old, dir, text) && fits;
    return ferry_path_under(c->to, sizeof c->to, dir, name) && fits;
}

// True: *answer says why not. Under lock.
static bool commit(struct ferry_web *self, const char *name, bool replace, struct commit *c,
                   struct ferry_http_answer *answer)
{
    struct stat st;
    bool there = is_taken(c->to);
    if (stat(c->from, &st) != 0 || !S_ISDIR(st.st_mode))
        return refuse(answer, 404, "STORAGE_MISSING", "no files have come for this folder", name, "send them first");
    if (there && ferry_web_in_use(self, c->to))
        return refuse(answer, 409, "BUSY", "a job reads from there", name, "wait until it has ended, or stop it");
    if (there && (!replace || stat(c->to, &st) != 0 || !S_ISDIR(st.st_mode)))
        return refuse(answer, 409, "EXISTS", "there is a folder of that name already", name,
                      "give it another name, or replace it");
    bool moved = !there || rename(c->to, c->old) == 0;
    if (!moved || rename(c->from, c->to) != 0) {
        if (there && moved && rename(c->old, c->to) != 0)
            return refuse(answer, 507, "STORAGE_WRITE", "the folder cannot be put in place; the old one is in .ferry",
                          name, "is the card still in?");
        return refuse(answer, 507, "STORAGE_WRITE", "the folder cannot be put in place", name, "is the card still in?");
    }
    ferry_web_touched(self);
    return false;
}

void ferry_web_files_commit(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                            struct ferry_http_answer *answer)
{
    struct commit *c = calloc(1, sizeof *c);
    const char *wrong = ferry_web_name_wrong(rest);
    if (!c) {
        refuse(answer, 503, "NO_MEMORY", "no memory for the request", NULL, "try again in a moment");
        return;
    }
    bool refused = true;
    if (!take_set(request, c->set) || !c->set[0] || wrong || strchr(rest, '/') || strlen(rest) > FERRY_WEB_NAME_MAX) {
        refuse(answer, 422, "NAME", wrong ? wrong : "this is no folder of one upload", rest, "rename the folder");
    } else {
        ferry_web_lock(self);
        bool fits = name_commit(self, rest, c);
        if (fits)
            refused = commit(self, rest, asked(request, "replace"), c, answer);
        else
            refuse(answer, 422, "NAME", "the path is too long for this card", rest, "rename the folder");
        ferry_web_unlock(self);
        ferry_tree_remove(c->old);
        if (!refused)
            ferry_tree_remove(c->base);
    }
    if (!refused)
        answer_created(answer, rest, -1);
    free(c);
    ferry_web_wake(self);
}

void ferry_web_files_drop(struct ferry_web *self, const struct ferry_http_request *request, const char *rest,
                          struct ferry_http_answer *answer)
{
    char set[SET_NAME + 1], text[FERRY_WEB_NAME_MAX + 64], path[FERRY_CARGO_PATH];
    bool good = take_set(request, set) && set[0];
    snprintf(text, sizeof text, ".ferry/set-%s", set);
    if (!good || !ferry_path_under(path, sizeof path, self->dir, text)) {
        refuse(answer, 422, "NAME", "this is no upload in pieces", rest, "say which: ?set=");
        return;
    }
    ferry_tree_remove(path);
    ferry_web_answer_json(answer, 200, "{}", 2);
}
