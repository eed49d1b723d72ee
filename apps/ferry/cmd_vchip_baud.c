// The kernel's termios2 has the baud rate as a number; its header cannot stand beside <termios.h>.
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include "apps/ferry/cmd_vchip.h"

uint32_t vchip_pty_baud(int fd)
{
    struct termios2 settings; // of the slave, also when asked on the master
    return ioctl(fd, TCGETS2, &settings) == 0 ? settings.c_ospeed : 0;
}
