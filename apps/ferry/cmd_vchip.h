// Parts of `ferry vchip`: its options, the flash file, the port it serves, and the loop that runs the chip.
#ifndef FERRY_APP_CMD_VCHIP_H
#define FERRY_APP_CMD_VCHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/flash/flash.h"
#include "sim/serve/faults.h"

struct vchip_options {
    const char *chip, *flash, *listen, *pty;
    uint32_t flash_size;   // 0 = the file's, or 4 MB
    uint32_t table_offset; // of the partition table, 0 = 0x8000
    bool rfc2217, once, rollback, secure_download, flash_encryption, secure_boot, verbose;
    bool boot_given, download, ideal, fast;
    bool receiver; // --app receiver
    uint16_t revision;
    uint8_t mac[6];
    double baud_noise; // the host's rate is so many per cent off
    uint32_t seed;
    struct sim_serve_faults faults;
};

// -1: go on; else the exit code (0 after --help, 2 after an error that has been reported).
int vchip_parse(struct vchip_options *out, int argc, char **argv);

// ---- the flash file: mapped, so that it holds at any moment what the virtual flash holds
struct vchip_file {
    uint8_t *bytes;
    size_t size;
    bool created;
    int fd; // holds the lock: one virtual chip a file
};
// 0, or an exit code after an error that has been reported.
int vchip_file_open(struct vchip_file *file, const char *path, uint32_t size_if_new);
void vchip_file_close(struct vchip_file *file);

// ---- the port: one client at a time on a TCP socket or a pty
struct vchip_port {
    int listener;      // -1 = a pty
    int fd;            // the client, or the pty's master; -1 = no client
    bool pty, waiting; // waiting: a pty that nobody has opened
    char name[160];    // socket://127.0.0.1:5555, rfc2217://..., /tmp/vchip
    char peer[80];
    char link[160]; // symbolic link to remove
};
enum vchip_port_event { VCHIP_PORT_SAME, VCHIP_PORT_CAME, VCHIP_PORT_WENT };
int vchip_port_listen(struct vchip_port *port, const char *where, bool rfc2217);
int vchip_port_pty(struct vchip_port *port, const char *path);
void vchip_port_close(struct vchip_port *port);
bool vchip_port_has_client(const struct vchip_port *port);
// Looks for a client that comes, resp. (pty) one that has gone.
enum vchip_port_event vchip_port_look(struct vchip_port *port);
// Bytes, 0 = none at the moment, -1 = the client has gone (drop() has been called).
int vchip_port_read(struct vchip_port *port, uint8_t *buf, size_t cap);
int vchip_port_write(struct vchip_port *port, const uint8_t *buf, size_t len);
void vchip_port_drop(struct vchip_port *port);
// The rate that the program at the other end of the pty has set; 0 = not a pty, or unknown.
uint32_t vchip_pty_baud(int fd);

// ---- the loop
int vchip_serve(const struct vchip_options *options, struct sim_flash *flash, struct vchip_port *port);

#endif
