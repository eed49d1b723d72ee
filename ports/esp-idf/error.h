// A failure of this port as a person reads it: what, in which words of ESP-IDF, what to try.
#ifndef PORTS_ESP_IDF_ERROR_H
#define PORTS_ESP_IDF_ERROR_H

#include "esp_err.h"

struct ferry_idf_error {
    int status;       // enum ferry_status, 0 = none
    esp_err_t esp;    // what ESP-IDF returned, ESP_OK = it was not asked or did not say
    char what[160];   // one sentence with the facts of this case: "uart1: no memory for 4096 + 2048 bytes of buffer"
    const char *hint; // static: what to try; "" = the status's own hint
};

// Fills *error (NULL allowed), writes it to the log as an error under the tag "ferry", and returns status. printf-like;
// what is too long is cut off. `hint` is static; NULL = "".
int ferry_idf_fail(struct ferry_idf_error *error, int status, esp_err_t esp, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
