// Statements, rows and transactions, over either engine. Private to depot/.
#ifndef FERRY_DEPOT_QUERY_H
#define FERRY_DEPOT_QUERY_H

#include "depot/engine.h"

#define FERRY_DEPOT_QUERY_NUMBER(n) ferry_depot_engine_number((int64_t)(n))
#define FERRY_DEPOT_QUERY_TEXT(t) ferry_depot_engine_text(t)
#define FERRY_DEPOT_QUERY_SHA256(p) ferry_depot_engine_bytes((p), FERRY_SHA256_SIZE)

// Runs sql with the values; rows come by ferry_depot_query_next().
#define FERRY_DEPOT_QUERY(self, sql, ...)                                                                              \
    ferry_depot_query_run((self), (sql), (const struct ferry_depot_engine_value[]){__VA_ARGS__},                       \
                          sizeof((const struct ferry_depot_engine_value[]){__VA_ARGS__}) /                             \
                              sizeof(struct ferry_depot_engine_value))

int ferry_depot_query_run(struct ferry_depot *self, const char *sql, const struct ferry_depot_engine_value *values,
                          size_t count);
int ferry_depot_query_next(struct ferry_depot *self); // 1, 0, negative; at the end the statement is done
void ferry_depot_query_done(struct ferry_depot *self);
// For statements without rows: runs it to the end, gives how many rows it changed.
int ferry_depot_query_changes(struct ferry_depot *self, int run_status);
// For one row with one number: 1 and *out, 0 = no row, negative.
int ferry_depot_query_number(struct ferry_depot *self, int run_status, int64_t *out);

// The columns of a row one after the other. status is the first trouble: a text longer than its place.
struct ferry_depot_row {
    struct ferry_depot *depot;
    int column, status;
};
int64_t ferry_depot_row_number(struct ferry_depot_row *row);
void ferry_depot_row_text(struct ferry_depot_row *row, char *out, size_t cap);
void ferry_depot_row_sha256(struct ferry_depot_row *row, uint8_t out[FERRY_SHA256_SIZE]); // NULL or empty: all 0

// Does work within a transaction; once more when another one got in between. What work returns comes back (>= 0 was
// committed); after a failure nothing has changed.
int ferry_depot_query_transaction(struct ferry_depot *self, enum ferry_depot_engine_how how,
                                  int (*work)(struct ferry_depot *self, void *ctx), void *ctx);

// UTF-8 without control characters, shorter than cap; NULL counts as "". name is for the message. 0 or FERRY_ERR_ARG.
int ferry_depot_query_check(struct ferry_depot *self, const char *name, const char *text, size_t cap);
// Not empty either.
int ferry_depot_query_check_some(struct ferry_depot *self, const char *name, const char *text, size_t cap);
bool ferry_depot_query_utf8(const char *text);

#endif
