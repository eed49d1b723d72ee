// What the files of a build are, read from the bytes themselves: chip, project, version, hashes, partition layout. No
// target and no folder is needed, so it serves the command line (files), and uploads (blobs that are stored already).
#ifndef FERRY_DEPOT_DESCRIBE_H
#define FERRY_DEPOT_DESCRIBE_H

#include "depot/depot.h"
#include "ferry/io/digest.h"
#include "ferry/io/source.h"

// One file to look at. name and address are the caller's; role "" = told by the content.
struct ferry_depot_describe_file {
    struct ferry_source source;
    char role[16];
    char name[FERRY_DEPOT_TEXT];
    uint32_t address; // FERRY_DEPOT_NO_ADDRESS = not known (a merged image then gets its own)
};

// Reads all files and checks every image and table that begins one (format, checksum, SHA-256, MD5). Fills roles and
// addresses of files, and of build: kind, chip, project (from the app, else name's), version, idf, built, flash_size,
// size and the app hashes. layout: JSON text [{"label","type","subtype","address","size"}], "" = no table.
// 0; FERRY_ERR_IMAGE_* (a file that begins like an image and is broken), FERRY_ERR_PARTITION_TABLE,
// FERRY_ERR_IMAGE_CHIP (two chips in one build), FERRY_ERR_NO_CARGO (nothing among the files is firmware),
// FERRY_ERR_STORAGE_*; *error has the words (where = the file's name).
int ferry_depot_describe(struct ferry_depot_describe_file *files, size_t count, const struct ferry_digest *digest,
                         struct ferry_depot_build *build, char layout[FERRY_DEPOT_LAYOUT],
                         struct ferry_depot_error *error);

#endif
