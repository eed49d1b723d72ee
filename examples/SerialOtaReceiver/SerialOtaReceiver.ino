/*
  SerialOtaReceiver: a sketch that can be replaced over a serial line, while it runs.

  Put the four marked lines into your own sketch, upload it once by USB, and from then on update it with another ESP32
  (example SdToRunningEsp32) or from a computer: ferry send MySketch.ino.bin --port /dev/ttyUSB0

  WIRING
    our GPIO16 (RX) <- updater's TX
    our GPIO17 (TX) -> updater's RX
    GND             -- GND          All levels are 3.3 V.

  NEEDS a partition scheme with two OTA slots: Arduino's default has them ("Huge APP" and "No OTA" do not).

  WHAT YOU WILL SEE (serial monitor, 115200)
    This is version 1. Waiting for an update on GPIO16 and GPIO17.
    Update begins: 291 KB
    received 10 %
    ...
    received 100 %
    Update complete: restarting into it.
    This is version 2. Waiting for an update on GPIO16 and GPIO17.
    On trial: the updater confirms this firmware, or the old one comes back.

  Power lost in the middle, wires pulled: this version goes on, and the next attempt sends only what is missing.
*/
#include <Ferry.h>

const int VERSION = 1; // make it 2, export the binary, and send it
const int8_t RX_PIN = 16, TX_PIN = 17;

FerryReceiver receiver; // (1) global: it takes 11 KB
int lastPercent = -1;

void showProgress(uint32_t done, uint32_t total)
{
    int percent = total >= 100 ? (int)(done / (total / 100)) : 100;
    if (percent / 10 != lastPercent / 10)
        Serial.printf("received %d %%\n", percent > 100 ? 100 : percent);
    lastPercent = percent;
}

void setup()
{
    Serial.begin(115200);
    Serial.printf("This is version %d. Waiting for an update on GPIO%d and GPIO%d.\n", VERSION, RX_PIN, TX_PIN);
    receiver.onBegin([](const ferry_manifest &m) { Serial.printf("Update begins: %u KB\n", (unsigned)(m.size / 1024)); });
    receiver.onProgress(showProgress);
    receiver.onEnd([]() { Serial.println("Update complete: restarting into it."); });
    receiver.onError([](const FerryError &error) { Serial.print(error); });
    if (!receiver.begin(Serial1, RX_PIN, TX_PIN)) // (2)
        Serial.print(receiver.error());
    receiver.loop();
}

void loop()
{
    receiver.loop(); // (3) often: several times in 40 ms while an update comes in
    static bool told = false;
    if (receiver.onTrial() && !told) // (4) optional: receiver.confirm() here, when your own self test has passed
        Serial.println("On trial: the updater confirms this firmware, or the old one comes back.");
    told = receiver.onTrial();
    // Your own work goes here.
}
