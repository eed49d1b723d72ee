/*
  SdToRunningEsp32: from an SD card into an ESP32 that runs, over two wires. Serial OTA with begin, chunk, end.

  The target's own firmware takes the update: it contains Ferry's receiver (the example SerialOtaReceiver). No reset wire
  and no boot wire. The target goes on with what it does until the new firmware is complete; if the new one does not
  work, the old one comes back by itself.

  WIRING (this board: an ESP32)
    SD card    CS -> GPIO5, MOSI -> GPIO23, SCK -> GPIO18, MISO -> GPIO19, VCC -> 3V3, GND -> GND
    target     our GPIO17 (TX) -> target's GPIO16 (RX)
               our GPIO16 (RX) <- target's GPIO17 (TX)
               GND             -- GND
    All levels are 3.3 V.

  ON THE CARD
    /firmware.bin: the target's sketch (Sketch > Export Compiled Binary: the file X.ino.bin; not bootloader, not merged)

  WHAT HAPPENS ON THE WIRE
    begin   size, SHA-256, chip: the target refuses what does not fit, before it erases anything
    chunk   1 KB each with a checksum; several are under way at once, and only lost ones are sent again
    end     the target reads its flash back, compares the SHA-256, selects the new firmware, restarts
    then    it is asked what runs now; when that is the new firmware, it is confirmed

  WHAT YOU WILL SEE (serial monitor, 115200)
    Target: ESP32, runs MySketch 1.0
    sending: 100 %
    The target runs the new firmware.

    or what is wrong, and what to try:
    IMAGE_CHIP: the image is for another chip [/firmware.bin] (checking)
      try: build for the chip that is connected

  Cut a wire in the middle: the update goes on when the wire is back, or with the next press of BOOT on this board.
*/
#include <Ferry.h>
#include <SD.h>
#include <SPI.h>

const int8_t TARGET_RX = 16, TARGET_TX = 17;
const int8_t CARD_CS = 5, BUTTON = 0;

FerrySender sender; // global: it takes 8 KB
int lastPercent = -1;

void showProgress(uint32_t done, uint32_t total)
{
    int percent = total >= 100 ? (int)(done / (total / 100)) : 100;
    if (percent / 10 != lastPercent / 10)
        Serial.printf("sending: %d %%\n", percent > 100 ? 100 : percent);
    lastPercent = percent;
}

void update()
{
    lastPercent = -1;
    if (!SD.begin(CARD_CS)) {
        Serial.println("No card: is it in, and is CS wired?");
        return;
    }
    if (sender.connect()) {
        const ferry_target_info &t = sender.target();
        const ferry_chip *chip = ferry_chip_by_id(t.chip);
        Serial.printf("Target: %s, runs %s %s\n", chip ? chip->label : "?", t.project, t.version);
    }
    if (!sender.error() && sender.send(SD, "/firmware.bin"))
        Serial.println("The target runs the new firmware.");
    else
        Serial.print(sender.error());
    SD.end();
}

void setup()
{
    Serial.begin(115200);
    pinMode(BUTTON, INPUT_PULLUP);
    sender.begin(Serial1, TARGET_RX, TARGET_TX);
    sender.onProgress(showProgress);
    sender.onNote([](const char *text) { Serial.println(text); });
    update();
}

void loop()
{
    if (digitalRead(BUTTON) == LOW)
        update();
    delay(20);
}
