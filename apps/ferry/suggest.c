#include "apps/ferry/suggest.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 40 };

static int fold(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

unsigned cli_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST)
        return 99;
    unsigned d[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            unsigned differ = fold(a[i - 1]) != fold(b[j - 1]);
            d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differ);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]) &&
                d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}

// A candidate that begins with the word (of at least three letters) counts as near.
static unsigned unlike(const char *word, const char *candidate)
{
    size_t len = strlen(word);
    if (len >= 3 && strncmp(word, candidate, len) == 0)
        return 1;
    return cli_distance(word, candidate);
}

const char *cli_suggest(const char *word, const char *(*next)(const void *ctx, size_t i), const void *ctx)
{
    size_t length = strcspn(word, "=");
    char text[LONGEST + 1];
    if (length > LONGEST)
        return 0;
    memcpy(text, word, length);
    text[length] = 0;
    unsigned best = length < 4 ? 2 : length < 8 ? 3 : 4; // must be below
    const char *found = 0, *candidate;
    for (size_t i = 0; (candidate = next(ctx, i)) != 0; i++) {
        unsigned d = unlike(text, candidate);
        if (d < best) {
            best = d;
            found = candidate;
        }
    }
    return found;
}
