// The facts that `ferry inspect` tells, as a tree: one source for the text and the JSON. Private to inspect*.c.
#ifndef FERRY_UPDATER_INSPECT_FACTS_H
#define FERRY_UPDATER_INSPECT_FACTS_H

#include <cJSON.h>
#include <stdint.h>
#include <stdio.h>

#include "ferry/io/digest.h"
#include "ferry/io/source.h"
#include "updater/fault.h"

struct ferry_inspect_facts {
    const struct ferry_digest *digest;
    struct ferry_fault first; // the first fault found, status 0 = none
};

// A file: {"kind", "size", "image" / "partition_table" / "otadata" / "apps" ..., "ok", "faults"}. shown is its name in
// faults. NULL = out of memory.
cJSON *ferry_inspect_facts_file(struct ferry_inspect_facts *self, const struct ferry_source *source, const char *shown);
// Adds a fault to the "faults" of an object and makes its "ok" false.
void ferry_inspect_facts_fault(struct ferry_inspect_facts *self, cJSON *object, const struct ferry_fault *fault);
// A string member, control characters and broken UTF-8 made harmless.
void ferry_inspect_facts_text(cJSON *object, const char *name, const char *text);

// inspect_print.c: the tree as text for people.
void ferry_inspect_print(const cJSON *root, FILE *out);

#endif
