// What a device has anyway (its mask ROM holds these functions): taken off the others.
#include <string.h>

static volatile unsigned char a[8], b[8];

int main(void)
{
    memcpy((void *)a, (const void *)b, a[0]);
    memmove((void *)a, (const void *)b, a[1]);
    memset((void *)a, b[0], a[2]);
    return memcmp((const void *)a, (const void *)b, a[3]) + (memchr((const void *)a, 1, a[4]) != 0) +
           (int)strlen((const char *)a);
}
