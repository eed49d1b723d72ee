// What the classes for sketches stand on: Arduino's streams, files and clock, and mbedTLS, as Ferry's interfaces.
#ifndef PORTS_ARDUINO_PARTS_H
#define PORTS_ARDUINO_PARTS_H

#include <Arduino.h>
#include <Client.h>
#include <FS.h>
#include <functional>
#include <mbedtls/md.h>

extern "C" {
#include "ferry/codec/crc32c.h"
#include "ferry/codec/image.h"
#include "ferry/codec/partition_table.h"
#include "ferry/ferry.h"
}

static const uint32_t FERRY_START_BAUD = 115200; // at which ROM loaders and receivers wait

bool ferryEnds(const char *name, const char *with); // in any case

// A wire of bytes. One of the three is set; the object stays the sketch's and must outlive the wire.
struct FerryWire {
    Stream *stream = nullptr;
    Client *client = nullptr; // WiFiClient, EthernetClient, ...: knows when the other side has gone
    std::function<bool()> reopen;
    uint32_t tried_ms = 0;            // when it was asked last
    HardwareSerial *serial = nullptr; // a UART: has a baud rate, and room that can be asked for
    ferry_stream io = {};

    void attach(Stream &to);
    // reopen: connects the client again after it was closed; asked for once a second at most. None: a closed connection
    // is an error.
    void attach(Client &to, std::function<bool()> reopen = nullptr);
    void attach(HardwareSerial &to);
    // Opens the UART with buffers that flash work does not overrun: 8 KB, and an interrupt every 32 bytes.
    void open(HardwareSerial &to, int8_t rxPin, int8_t txPin, uint32_t baud);
    void detach();
};

// Reset and boot pin of a target, driven as open drain. -1 = not connected.
struct FerryLines {
    int8_t resetPin = -1, bootPin = -1;
    ferry_lines io = {};

    void begin(int8_t reset, int8_t boot);
    bool present() const
    {
        return resetPin >= 0 && bootPin >= 0;
    }
};

// MD5 and SHA-256 by the mbedTLS that comes with the core.
struct FerryDigest {
    mbedtls_md_context_t context;
    enum ferry_digest_kind kind = FERRY_DIGEST_MD5;
    bool open = false;
    ferry_digest io = {};

    FerryDigest();
    ~FerryDigest();
    FerryDigest(const FerryDigest &) = delete;
    FerryDigest &operator=(const FerryDigest &) = delete;
};

// A file as a source. The file stays open as long as this does.
struct FerryFile {
    fs::File file;
    uint32_t at = 0; // where the next read would begin
    ferry_source io = {};

    bool open(const fs::File &from); // false: no file, a folder, or empty
};

// millis() and delay() as a clock.
extern const ferry_clock FerryClock;

// Why something failed, as text for people.
struct FerryError : public Printable {
    ferry_error raw = {};
    char file[64] = ""; // which one, "" = none

    explicit operator bool() const
    {
        return raw.status < 0;
    }
    int status() const
    {
        return raw.status;
    } // enum ferry_status, 0 = all is well
    const char *name() const
    {
        return ferry_status_name(raw.status);
    }
    const char *text() const
    {
        return ferry_status_text(raw.status);
    }
    const char *hint() const; // what to try
    void clear()
    {
        raw = {}, file[0] = 0;
    }
    bool set(int status, const char *step, const char *detail = "", const char *in = ""); // always false
    // Two lines: "NO_ANSWER: no answer at all: the target is silent (connecting)" and "  try: ...".
    size_t printTo(Print &out) const override;
};

#endif
