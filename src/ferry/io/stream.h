// A stream: bytes in order, both ways, no message borders. A UART, a TCP connection, a pty, the virtual line.
//
// No function blocks. ctx comes first and belongs to the port. Baud is 0 on streams that have none.
#ifndef FERRY_IO_STREAM_H
#define FERRY_IO_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct ferry_stream {
    void *ctx;
    // Bytes that have arrived, at most cap. 0 = none now. FERRY_ERR_WIRE_IO, FERRY_ERR_WIRE_CLOSED.
    int (*read)(void *ctx, uint8_t *buf, size_t cap);
    // Takes as many of the len bytes as there is room for (0 is allowed: try again later). Same errors.
    int (*write)(void *ctx, const uint8_t *bytes, size_t len);
    // Changes the line rate once everything written before has left. 0 or FERRY_ERR_BAUD. NULL: no rate to change.
    int (*set_baud)(void *ctx, uint32_t baud);
    // Bytes taken by write() that have not left yet; 0 when unknown. NULL: unknown.
    int (*pending)(void *ctx);
};

#endif
