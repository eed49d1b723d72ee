// Names that people give to files they bring onto a card: they must be such that every computer can read the card, and
// must not touch what is the updater's own.
#ifndef FERRY_UPDATER_WEB_NAME_H
#define FERRY_UPDATER_WEB_NAME_H

#include <stddef.h>

#define FERRY_WEB_NAME_MAX 120 // bytes of a path on the card
#define FERRY_WEB_NAME_DEPTH 3 // names in it: the scan looks two folders deep

// NULL: path ("kettle.bin", "kettle/app.bin") may be written. Else why not, for people. Rules: 1 to 3 names of 1 to 80
// bytes, UTF-8, no control characters, none of "*:<>?\| and no dot in front, no dot or space at an end, none of the
// names that FAT computers keep for devices (CON, NUL, COM1, ...); at the top neither ferry.json nor ferry-log*.csv.
const char *ferry_web_name_wrong(const char *path);

#endif
