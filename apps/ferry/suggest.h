// "Did you mean": how alike two words are.
#ifndef FERRY_APP_SUGGEST_H
#define FERRY_APP_SUGGEST_H

#include <stddef.h>

// Insertions, deletions, replacements and swaps of neighbours that lead from a to b ('_' and '-' count as the same);
// 99 when one is longer than 40.
unsigned cli_distance(const char *a, const char *b);

// The candidate most like `word`, NULL = none is similar. next(ctx, i) gives candidate i, NULL after the last.
const char *cli_suggest(const char *word, const char *(*next)(const void *ctx, size_t i), const void *ctx);

#endif
