#include "ports/esp-idf/file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "ferry/base/status.h"

static int read_at(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    struct ferry_idf_file *self = ctx;
    if (!self->file || offset > self->size || len > self->size - offset)
        return FERRY_ERR_STORAGE_READ;
    if (self->at != offset && fseek(self->file, (long)offset, SEEK_SET) != 0)
        return FERRY_ERR_STORAGE_READ;
    size_t n = fread(buf, 1, len, self->file);
    self->at = n == len ? offset + (uint32_t)len : UINT32_MAX; // where it stands after an error is not known
    if (n == len)
        return FERRY_OK;
    bool shorter = feof(self->file) != 0;
    clearerr(self->file);
    return shorter ? FERRY_ERR_STORAGE_CHANGED : FERRY_ERR_STORAGE_READ;
}

int ferry_idf_file_open(struct ferry_idf_file *self, const char *path, struct ferry_source *source,
                        struct ferry_idf_error *error)
{
    struct stat st;
    *self = (struct ferry_idf_file){0};
    if (stat(path, &st) != 0)
        return ferry_idf_fail(error, FERRY_ERR_STORAGE_MISSING, ESP_OK, "", "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > INT32_MAX)
        return ferry_idf_fail(error, FERRY_ERR_STORAGE_READ, ESP_OK, "", "%s is no file, or too large", path);
    self->file = fopen(path, "rb");
    if (!self->file)
        return ferry_idf_fail(error, FERRY_ERR_STORAGE_READ, ESP_OK, "", "%s: %s", path, strerror(errno));
    self->size = (uint32_t)st.st_size;
    *source = (struct ferry_source){.ctx = self, .size = self->size, .read = read_at};
    return FERRY_OK;
}

void ferry_idf_file_close(struct ferry_idf_file *self)
{
    if (self->file)
        fclose(self->file);
    self->file = NULL;
}
