#if defined(ARDUINO) && defined(ESP32)
#include "Parts.h"

#include <driver/gpio.h>

bool ferryEnds(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && strcasecmp(name + n - m, with) == 0;
}

// --- streams ---------------------------------------------------------------------------------------------------------

static int readSerial(void *ctx, uint8_t *buf, size_t cap)
{
    HardwareSerial *serial = static_cast<FerryWire *>(ctx)->serial;
    size_t there = static_cast<size_t>(serial->available());
    return there == 0 ? 0 : static_cast<int>(serial->read(buf, there < cap ? there : cap));
}

static int writeSerial(void *ctx, const uint8_t *bytes, size_t len)
{
    HardwareSerial *serial = static_cast<FerryWire *>(ctx)->serial;
    int room = serial->availableForWrite();
    size_t n = room <= 0 ? 0 : len < static_cast<size_t>(room) ? len : static_cast<size_t>(room);
    return n == 0 ? 0 : static_cast<int>(serial->write(bytes, n));
}

static int setBaud(void *ctx, uint32_t baud)
{
    HardwareSerial *serial = static_cast<FerryWire *>(ctx)->serial;
    serial->flush(); // until the last byte has left at the old rate
    serial->updateBaudRate(baud);
    return FERRY_OK;
}

// The connection has gone: negative when that is the end of it.
static int closed(FerryWire *self)
{
    if (!self->reopen)
        return FERRY_ERR_WIRE_CLOSED;
    if (millis() - self->tried_ms >= 1000) {
        self->reopen();
        self->tried_ms = millis();
    }
    return 0;
}

static int readClient(void *ctx, uint8_t *buf, size_t cap)
{
    FerryWire *self = static_cast<FerryWire *>(ctx);
    int there = self->client->available();
    if (there <= 0)
        return self->client->connected() ? 0 : closed(self);
    int n = self->client->read(buf, static_cast<size_t>(there) < cap ? static_cast<size_t>(there) : cap);
    return n < 0 ? 0 : n;
}

// Bytes for a connection that is to be opened again are lost, as on any wire.
static int writeClient(void *ctx, const uint8_t *bytes, size_t len)
{
    FerryWire *self = static_cast<FerryWire *>(ctx);
    size_t n = self->client->write(bytes, len);
    if (n > 0 || self->client->connected())
        return static_cast<int>(n);
    return self->reopen ? static_cast<int>(len) : FERRY_ERR_WIRE_CLOSED;
}

static int readStream(void *ctx, uint8_t *buf, size_t cap)
{
    Stream *stream = static_cast<FerryWire *>(ctx)->stream;
    size_t n = 0;
    for (int c; n < cap && stream->available() > 0 && (c = stream->read()) >= 0;)
        buf[n++] = static_cast<uint8_t>(c);
    return static_cast<int>(n);
}

// A Stream need not know how much room it has: then it is written to, and blocks as long as it likes.
static int writeStream(void *ctx, const uint8_t *bytes, size_t len)
{
    Stream *stream = static_cast<FerryWire *>(ctx)->stream;
    int room = stream->availableForWrite();
    return static_cast<int>(
        stream->write(bytes, room > 0 && static_cast<size_t>(room) < len ? static_cast<size_t>(room) : len));
}

void FerryWire::attach(Stream &to)
{
    detach();
    stream = &to;
    io = {this, readStream, writeStream, nullptr, nullptr};
}

void FerryWire::attach(Client &to, std::function<bool()> again)
{
    detach();
    client = &to;
    reopen = again;
    tried_ms = millis() - 1000;
    io = {this, readClient, writeClient, nullptr, nullptr};
}

void FerryWire::attach(HardwareSerial &to)
{
    detach();
    serial = &to;
    io = {this, readSerial, writeSerial, setBaud, nullptr};
}

void FerryWire::open(HardwareSerial &to, int8_t rxPin, int8_t txPin, uint32_t baud)
{
    to.end();
    to.setRxBufferSize(8192); // has to come before begin()
    to.begin(baud, SERIAL_8N1, rxPin, txPin);
    to.setRxFIFOFull(32); // 96 of 128 bytes are left while the flash keeps interrupts away
    attach(to);
}

void FerryWire::detach()
{
    stream = nullptr;
    client = nullptr;
    reopen = nullptr;
    serial = nullptr;
    io = {};
}

// --- lines -----------------------------------------------------------------------------------------------------------

static void drive(int8_t pin, bool low)
{
    if (pin >= 0)
        digitalWrite(static_cast<uint8_t>(pin), low ? LOW : HIGH);
}

static int setLines(void *ctx, bool reset, bool boot)
{
    const FerryLines *self = static_cast<FerryLines *>(ctx);
    drive(self->bootPin, boot); // first, so that it is low before reset is released
    drive(self->resetPin, reset);
    return FERRY_OK;
}

// High before it is an output: or the target would be reset by the setting up alone.
static void openDrain(int8_t pin)
{
    if (pin < 0)
        return;
    gpio_set_level(static_cast<gpio_num_t>(pin), 1);
    pinMode(static_cast<uint8_t>(pin), OUTPUT_OPEN_DRAIN);
    digitalWrite(static_cast<uint8_t>(pin), HIGH);
}

void FerryLines::begin(int8_t reset, int8_t boot)
{
    resetPin = reset;
    bootPin = boot;
    io = {this, setLines};
    openDrain(reset);
    openDrain(boot);
}

// --- digests ---------------------------------------------------------------------------------------------------------

static void closeDigest(FerryDigest *self)
{
    if (self->open)
        mbedtls_md_free(&self->context);
    self->open = false;
}

static int beginDigest(void *ctx, enum ferry_digest_kind kind)
{
    FerryDigest *self = static_cast<FerryDigest *>(ctx);
    closeDigest(self);
    const mbedtls_md_info_t *info =
        mbedtls_md_info_from_type(kind == FERRY_DIGEST_MD5 ? MBEDTLS_MD_MD5 : MBEDTLS_MD_SHA256);
    mbedtls_md_init(&self->context);
    self->open = true;
    self->kind = kind;
    if (info != nullptr && mbedtls_md_setup(&self->context, info, 0) == 0 && mbedtls_md_starts(&self->context) == 0)
        return FERRY_OK;
    closeDigest(self);
    return FERRY_ERR_UNSUPPORTED;
}

static int updateDigest(void *ctx, const uint8_t *bytes, size_t len)
{
    FerryDigest *self = static_cast<FerryDigest *>(ctx);
    return self->open && mbedtls_md_update(&self->context, bytes, len) == 0 ? FERRY_OK : FERRY_ERR_STATE;
}

static int finishDigest(void *ctx, uint8_t *out, size_t cap)
{
    FerryDigest *self = static_cast<FerryDigest *>(ctx);
    if (!self->open)
        return FERRY_ERR_STATE;
    size_t size = self->kind == FERRY_DIGEST_MD5 ? FERRY_MD5_SIZE : FERRY_SHA256_SIZE;
    if (cap < size)
        return FERRY_ERR_BUFFER;
    bool good = mbedtls_md_finish(&self->context, out) == 0;
    closeDigest(self);
    return good ? static_cast<int>(size) : FERRY_ERR_STATE;
}

FerryDigest::FerryDigest()
{
    io = {this, beginDigest, updateDigest, finishDigest};
}
FerryDigest::~FerryDigest()
{
    closeDigest(this);
}

// --- files -----------------------------------------------------------------------------------------------------------

static int readFile(void *ctx, uint32_t offset, uint8_t *buf, size_t len)
{
    FerryFile *self = static_cast<FerryFile *>(ctx);
    if (self->file.size() != self->io.size)
        return FERRY_ERR_STORAGE_CHANGED;
    if (self->at != offset && !self->file.seek(offset))
        return FERRY_ERR_STORAGE_READ;
    self->at = UINT32_MAX;
    if (self->file.read(buf, len) != len)
        return FERRY_ERR_STORAGE_READ;
    self->at = offset + static_cast<uint32_t>(len);
    return FERRY_OK;
}

bool FerryFile::open(const fs::File &from)
{
    file = from;
    at = UINT32_MAX;
    if (!file || file.isDirectory() || file.size() == 0)
        return false;
    io = {this, static_cast<uint32_t>(file.size()), readFile};
    return true;
}

// --- clock, errors ---------------------------------------------------------------------------------------------------

static uint32_t now(void *)
{
    return millis();
}
static void pause(void *, uint32_t)
{
    delay(1);
} // bytes may come at any moment

const ferry_clock FerryClock = {nullptr, now, pause};

const char *FerryError::hint() const
{
    return raw.hint != nullptr && raw.hint[0] != 0 ? raw.hint : ferry_status_hint(raw.status);
}

bool FerryError::set(int status, const char *step, const char *detail, const char *in)
{
    raw = {status, step, detail, "", -1, UINT32_MAX};
    strlcpy(file, in, sizeof file);
    return false;
}

size_t FerryError::printTo(Print &out) const
{
    if (raw.status >= 0)
        return out.println("OK");
    size_t n = out.printf("%s: %s", name(), text());
    if (file[0] != 0)
        n += out.printf(" [%s]", file);
    if (raw.detail != nullptr && raw.detail[0] != 0)
        n += out.printf("; %s", raw.detail);
    if (raw.peer_code >= 0)
        n += out.printf("; target said 0x%02x", static_cast<unsigned>(raw.peer_code));
    if (raw.step != nullptr && raw.step[0] != 0)
        n += out.printf(" (%s)", raw.step);
    n += out.println();
    return n + out.printf("  try: %s\r\n", hint());
}

#endif
