// Settings of an updater that has no command line: from the program, from what it keeps itself (NVS on an ESP32), and
// from ferry.json on the card. The card wins, so that a card brings its own way of working along; what it does not name
// stays as it is kept. Who has the last word is known for each setting, so that a person can be told.
//
// A setting's name is its path in ferry.json: "wifi.ssid" is {"wifi": {"ssid": "..."}}. Values are texts here; numbers
// and switches are checked when they come in.
#ifndef FERRY_UPDATER_SETTINGS_H
#define FERRY_UPDATER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "updater/fault.h"
#include "updater/web.h" // struct ferry_web_setting: the rows are the page's

#define FERRY_SETTINGS_TEXT 66 // bytes of a value with its end: a Wi-Fi password has up to 64

enum ferry_settings_origin {
    FERRY_SETTINGS_INITIAL = 0, // the program's
    FERRY_SETTINGS_KEPT,        // what a person has set, kept in the device
    FERRY_SETTINGS_CARD,        // ferry.json
};

struct ferry_settings_value {
    char text[FERRY_SETTINGS_TEXT];
    uint8_t origin;
};

struct ferry_settings {
    const struct ferry_web_setting *rows;
    const char *const *initial; // one for each row
    size_t count;
    struct ferry_settings_value *kept; // count of them, the caller's: INITIAL or KEPT
    struct ferry_settings_value *card; // the same; INITIAL = the card does not name it
};

// Everything to its initial value.
void ferry_settings_init(struct ferry_settings *self);
// The row of this name; count = none.
size_t ferry_settings_find(const struct ferry_settings *self, const char *name);
// Keeps a value (to be stored by the program); NULL = back to the initial one. 0; FERRY_ERR_ARG: no such setting, or
// outside its bounds, with *fault filled.
int ferry_settings_keep(struct ferry_settings *self, const char *name, const char *text, struct ferry_fault *fault);
// Takes what path (ferry.json) names; what it no longer names is as kept again. No such file: nothing is named. 0, or
// the first of FERRY_ERR_MANIFEST (not JSON, or a value that a setting does not take), FERRY_ERR_STORAGE_READ,
// FERRY_ERR_NO_MEMORY with *fault filled; all good values are taken all the same.
int ferry_settings_card(struct ferry_settings *self, const char *path, struct ferry_fault *fault);

// What counts, and who says so. i < count, or a name that exists.
const char *ferry_settings_text_at(const struct ferry_settings *self, size_t i);
enum ferry_settings_origin ferry_settings_origin_at(const struct ferry_settings *self, size_t i);
const char *ferry_settings_text(const struct ferry_settings *self, const char *name);
uint32_t ferry_settings_number(const struct ferry_settings *self, const char *name);
bool ferry_settings_on(const struct ferry_settings *self, const char *name);
// "", "(kept)", "(from ferry.json on the card)"
const char *ferry_settings_origin_name(enum ferry_settings_origin origin);

#endif
