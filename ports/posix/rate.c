// Line rates of terminals by Linux's termios2, which takes any number; its header and <termios.h> exclude each other.
#include <asm/termbits.h>
#include <stdint.h>
#include <sys/ioctl.h>

int ferry_posix_backend_rate(int fd, uint32_t baud);

// The code of a usual rate, so that programs which know only codes can read it; 0 = none.
static unsigned code_of(uint32_t baud)
{
    static const struct {
        uint32_t baud;
        unsigned code;
    } codes[] = {
        {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},     {115200, B115200},
        {230400, B230400},   {460800, B460800},   {500000, B500000},   {576000, B576000},   {921600, B921600},
        {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000},
        {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
    };
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].baud == baud)
            return codes[i].code;
    return 0;
}

int ferry_posix_backend_rate(int fd, uint32_t baud)
{
    struct termios2 t;
    unsigned code = code_of(baud);
    if (ioctl(fd, TCGETS2, &t) != 0)
        return -1;
    t.c_cflag &= ~(tcflag_t)(CBAUD | CBAUD << IBSHIFT);
    t.c_cflag |= code ? code : BOTHER;
    t.c_ispeed = t.c_ospeed = baud;
    return ioctl(fd, TCSETS2, &t);
}
