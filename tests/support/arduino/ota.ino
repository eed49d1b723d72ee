// begin, chunk, end of FerryOta with /firmware.bin of the card, in pieces of odd sizes. FAKE_OTA: whole, or what goes
// wrong (short: the last byte is missing; wrong: the SHA-256 is another).
#include <Ferry.h>
#include <SD.h>

FerryOta ota;
FerryDigest digest;

static bool sum(File &file, uint8_t *sha256)
{
    uint8_t buf[1000];
    size_t n;
    digest.io.begin(&digest, FERRY_DIGEST_SHA256);
    while ((n = file.read(buf, sizeof buf)) > 0)
        digest.io.update(&digest, buf, n);
    file.seek(0);
    return digest.io.finish(&digest, sha256, 32) == 32;
}

static bool carry(File &file, const char *how)
{
    uint8_t sha256[32], buf[1500];
    uint32_t size = (uint32_t)file.size(), at = 0;
    if (!sum(file, sha256))
        return false;
    sha256[5] ^= strcmp(how, "wrong") == 0;
    if (!ota.begin(size, sha256))
        return false;
    for (size_t n, want = 1; (n = file.read(buf, want)) > 0; at += (uint32_t)n, want = want * 7 % 1499 + 1)
        if (!ota.chunk(at, buf, at + n == size && strcmp(how, "short") == 0 ? n - 1 : n))
            return false;
    return ota.end();
}

void setup()
{
    File file = SD.open("/firmware.bin");
    if (!ota.boot() || !carry(file, getenv("FAKE_OTA")))
        Serial.print(ota.error());
    else
        Serial.println("selected.");
    Serial.println(".");
}

void loop() {}
