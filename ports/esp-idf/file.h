// A file as a source: stdio over ESP-IDF's VFS (FAT on a card, SPIFFS, LittleFS). Programs that use updater/ have
// updater/cargo_file.h instead, which is the same with its own checks.
#ifndef PORTS_ESP_IDF_FILE_H
#define PORTS_ESP_IDF_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "ferry/io/source.h"
#include "ports/esp-idf/error.h"

struct ferry_idf_file {
    FILE *file;
    uint32_t size, at; // bytes; where the file stands, so that reads in order need no seek
};

// Opens a regular file of at most 2 GiB - 1. Fills *source, whose ctx is self (which has to stay where it is). Its
// read() blocks as long as the card does and returns FERRY_ERR_STORAGE_READ, also when the card was taken out; after
// that open it again. 0; FERRY_ERR_STORAGE_MISSING, FERRY_ERR_STORAGE_READ with *error.
int ferry_idf_file_open(struct ferry_idf_file *self, const char *path, struct ferry_source *source,
                        struct ferry_idf_error *error);
void ferry_idf_file_close(struct ferry_idf_file *self); // twice is harmless

#endif
