// What the other parts of the depot need from builds and blobs. Private to depot/.
#ifndef FERRY_DEPOT_BUILD_H
#define FERRY_DEPOT_BUILD_H

#include "depot/query.h"

// In the order that ferry_depot_build_row() takes; the table is b.
#define FERRY_DEPOT_BUILD_COLUMNS                                                                                      \
    "b.id, b.sha256, b.kind, b.chip, b.project, b.version, b.idf, b.built, b.note, b.flash_size, b.size, "             \
    "b.file_count, b.app_sha256, b.app_image_sha256, b.app_elf_sha256, b.added"

void ferry_depot_build_row(struct ferry_depot_row *row, struct ferry_depot_build *out);
// All rows of a statement, up to cap; how many.
int ferry_depot_build_rows(struct ferry_depot *self, int run_status, struct ferry_depot_build *out, size_t cap);
// Keeps in mind how large a blob is: reading needs to know, and it never changes.
void ferry_depot_build_size(struct ferry_depot *self, int64_t blob, uint32_t size);
// Within a transaction: removes the blob unless a build holds it.
int ferry_depot_build_drop_blob(struct ferry_depot *self, int64_t blob);

#endif
