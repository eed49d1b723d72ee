/*
  SdToBlankEsp32: from an SD card into another ESP chip that is blank, bricked or runs anything at all.

  The chip's mask ROM has a serial loader. This sketch resets the target into it and writes what lies in the folder
  /firmware of the card.

  WIRING (this board: an ESP32)
    SD card    CS -> GPIO5, MOSI -> GPIO23, SCK -> GPIO18, MISO -> GPIO19, VCC -> 3V3, GND -> GND
    target     our GPIO17 (TX) -> target's RX           RX and TX of the target by chip:
               our GPIO16 (RX) <- target's TX             ESP32 GPIO3, GPIO1     ESP32-S3 GPIO44, GPIO43
               our GPIO25      -> target's EN (reset)     ESP32-C3 GPIO20, GPIO21
               our GPIO26      -> target's boot pin       boot pin: ESP32, S2, S3 GPIO0; C2, C3, C6, H2 GPIO9
               GND             -- GND                   (all chips: docs/guide/wiring.md)
    All levels are 3.3 V. On an ESP32 with PSRAM (WROVER) take other pins than GPIO16 and GPIO17.

  ON THE CARD, in the folder /firmware
    An Arduino export (Sketch > Export Compiled Binary) as it is:
      Blink.ino.bin  Blink.ino.bootloader.bin  Blink.ino.partitions.bin
    or files named with their address: 0x1000_bootloader.bin, 0x8000_table.bin, 0x10000_app.bin

  WHAT YOU WILL SEE (serial monitor, 115200)
    Card: 3 files
    connecting
    ...
    writing: 100 %
    ESP32 revision 3.1, 4 MB flash: written, proved by its own MD5, started.

    or, when something is wrong, what, and what to try:
    NO_ANSWER: no answer at all: the target is silent (connecting)
      try: check power, ground, and that TX and RX are crossed (TX to RX, RX to TX)

  Press BOOT on this board to do it again.
*/
#include <Ferry.h>
#include <SD.h>
#include <SPI.h>

const int8_t TARGET_RX = 16, TARGET_TX = 17, TARGET_RESET = 25, TARGET_BOOT = 26;
const int8_t CARD_CS = 5, BUTTON = 0;

FerryFlasher flasher; // global: it takes 12 KB
int lastPercent = -1;

void showProgress(uint32_t done, uint32_t total)
{
    int percent = total >= 100 ? (int)(done / (total / 100)) : 100;
    if (percent / 10 != lastPercent / 10)
        Serial.printf("writing: %d %%\n", percent > 100 ? 100 : percent);
    lastPercent = percent;
}

void flashTarget()
{
    lastPercent = -1;
    if (!SD.begin(CARD_CS)) {
        Serial.println("No card: is it in, and is CS wired?");
        return;
    }
    if (flasher.addFolder(SD, "/firmware") && flasher.flash()) {
        const ferry_target &t = flasher.target();
        Serial.printf("%s revision %u.%u, %u MB flash: written, proved by its own MD5, started.\n", flasher.chipName(),
                      t.revision / 100u, t.revision % 100u, (unsigned)(t.flash_size >> 20));
    } else {
        Serial.print(flasher.error());
    }
    flasher.clear(); // closes the files
    SD.end();
}

void setup()
{
    Serial.begin(115200);
    pinMode(BUTTON, INPUT_PULLUP);
    flasher.begin(Serial1, TARGET_RX, TARGET_TX, TARGET_RESET, TARGET_BOOT);
    flasher.onProgress(showProgress);
    flasher.onNote([](const char *text) { Serial.println(text); });
    flashTarget();
}

void loop()
{
    if (digitalRead(BUTTON) == LOW)
        flashTarget();
    delay(20);
}
