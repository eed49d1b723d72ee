// Numbers as people type and read them: 0x10000, 64k, 4MB, 921600; 1.2 MB, 0:07.
#ifndef PORTS_POSIX_NUMBER_H
#define PORTS_POSIX_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decimal, 0x hexadecimal, 0b binary or 0o octal, with underscores between digits and an optional factor k, K, M, G
// (1024) with or without B or iB. Leading zeros are decimal. false: empty, trailing text, a sign, or over 32 bits.
bool ferry_posix_number_parse(const char *text, uint32_t *out);
// Like that, but at least `min` and at most `max`.
bool ferry_posix_number_in(const char *text, uint32_t min, uint32_t max, uint32_t *out);

// "4096" "64 KB" "1.2 MB": at most 9 characters. Returns buf.
char *ferry_posix_number_bytes(uint64_t bytes, char *buf, size_t cap);
// "0:07", "12:30", "1:02:03". Returns buf.
char *ferry_posix_number_duration(uint32_t seconds, char *buf, size_t cap);

#endif
