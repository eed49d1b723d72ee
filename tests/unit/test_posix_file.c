// A file as a source. Anchor: the file system (files are changed under the reader by other means than the source's).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/file.h"

static char folder[] = "/tmp/ferry-test-XXXXXX", path[64];

static void put(const char *text, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/f", folder);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void test_reads_at_any_offset(void **state)
{
    (void)state;
    struct ferry_posix_file file;
    struct ferry_source source;
    uint8_t buf[8];
    put("0123456789", O_TRUNC);
    assert_int_equal(ferry_posix_file_open(&file, path, &source, NULL), FERRY_OK);
    assert_int_equal(source.size, 10);
    assert_int_equal(source.read(source.ctx, 7, buf, 3), FERRY_OK);
    assert_memory_equal(buf, "789", 3);
    assert_int_equal(source.read(source.ctx, 0, buf, 2), FERRY_OK);
    assert_memory_equal(buf, "01", 2);
    assert_int_equal(source.read(source.ctx, 8, buf, 3), FERRY_ERR_ARG);
    assert_int_equal(source.read(source.ctx, UINT32_MAX, buf, 2), FERRY_ERR_ARG);
    ferry_posix_file_close(&file);
    assert_true(source.read(source.ctx, 0, buf, 1) < 0);
}

static void test_changes_are_noticed(void **state)
{
    (void)state;
    struct ferry_posix_file file;
    struct ferry_source source;
    uint8_t buf[8];
    put("0123456789", O_TRUNC);
    assert_int_equal(ferry_posix_file_open(&file, path, &source, NULL), FERRY_OK);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(source.read(source.ctx, 4, buf, 4), FERRY_ERR_STORAGE_CHANGED);
    assert_int_equal(source.read(source.ctx, 0, buf, 1), FERRY_ERR_STORAGE_CHANGED);
    ferry_posix_file_close(&file);
    put("0123456789", O_TRUNC);
    assert_int_equal(ferry_posix_file_open(&file, path, &source, NULL), FERRY_OK);
    struct timespec later[2] = {{.tv_sec = 1}, {.tv_sec = 2000000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0); // same size, other time
    assert_int_equal(source.read(source.ctx, 0, buf, 1), FERRY_ERR_STORAGE_CHANGED);
    ferry_posix_file_close(&file);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    struct ferry_posix_file file;
    struct ferry_source source;
    struct ferry_posix_error error;
    assert_int_equal(ferry_posix_file_open(&file, "/nonexistent/x", &source, &error), FERRY_ERR_STORAGE_MISSING);
    assert_string_equal(error.where, "/nonexistent/x");
    assert_int_equal(ferry_posix_file_open(&file, folder, &source, &error), FERRY_ERR_STORAGE_READ);
    assert_non_null(strstr(error.what, "folder"));
    assert_int_equal(ferry_posix_file_open(&file, "/dev/null", &source, &error), FERRY_ERR_STORAGE_READ);
    ferry_posix_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_at_any_offset),
        cmocka_unit_test(test_changes_are_noticed),
        cmocka_unit_test(test_what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
