// Compression by the mask ROM's miniz, behind ferry/io/deflate.h.
//
// Its compressor needs 170 KB in one piece (a window of 32 KB and its tables; the ROM's structure, no setting makes it
// smaller). No chip has that to spare in its internal memory beside an updater, so it is taken from PSRAM, and without
// PSRAM targets are written plain. What lies on the card packed already is not touched by this.
#ifndef PORTS_ESP_IDF_DEFLATE_H
#define PORTS_ESP_IDF_DEFLATE_H

#include "ferry/io/deflate.h"

struct ferry_idf_deflate {
    void *compressor; // tdefl_compressor in PSRAM
};

// True and *out, when there is PSRAM with room. close() gives it back.
bool ferry_idf_deflate_init(struct ferry_idf_deflate *self, struct ferry_deflate *out);
void ferry_idf_deflate_close(struct ferry_idf_deflate *self);

#endif
