// A line of ferry-log.csv (log.h), taken apart.
#ifndef FERRY_UPDATER_WEB_CSV_H
#define FERRY_UPDATER_WEB_CSV_H

#include <stdbool.h>

#define FERRY_WEB_CSV_FIELDS 14
#define FERRY_WEB_CSV_RESULT 11

struct ferry_web_csv {
    const char *fields[FERRY_WEB_CSV_FIELDS]; // in the line
};

extern const char *const ferry_web_csv_names[FERRY_WEB_CSV_FIELDS];

// Takes the line (without its line end) apart in place: quotes go, ends are put. Missing fields are "". False: more
// fields than there are, or a quote without its partner.
bool ferry_web_csv_parse(struct ferry_web_csv *self, char *line);

#endif
