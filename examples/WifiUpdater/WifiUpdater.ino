/*
  WifiUpdater: from an SD card into another ESP32 over Wi-Fi.

  The target runs the example WifiOtaReceiver (or any sketch with its lines in it).

  WIRING (this board: an ESP32)
    SD card    CS -> GPIO5, MOSI -> GPIO23, SCK -> GPIO18, MISO -> GPIO19, VCC -> 3V3, GND -> GND
    target     none: both boards are in the network named below

  ON THE CARD
    /firmware.bin: the target's sketch (Sketch > Export Compiled Binary: the file X.ino.bin)

  WHAT YOU WILL SEE (serial monitor, 115200)
    Wi-Fi: 192.168.1.20
    Looking for ferry-target.local
    sending: 100 %
    The target runs the new firmware.

  Press BOOT on this board to do it again. While it works, loop() goes on running: send() is not used here, but start()
  and loop(), which never block.
*/
#include <ESPmDNS.h>
#include <Ferry.h>
#include <SD.h>
#include <SPI.h>
#include <WiFi.h>

const char *SSID = "your network", *PASSWORD = "its password", *TARGET = "ferry-target";
const uint16_t PORT = 3232;
const int8_t CARD_CS = 5, BUTTON = 0;

FerrySender sender; // global: it takes 8 KB
WiFiClient wire;
bool sending = false;
int lastPercent = -1;

void showProgress(uint32_t done, uint32_t total)
{
    int percent = total >= 100 ? (int)(done / (total / 100)) : 100;
    if (percent / 10 != lastPercent / 10)
        Serial.printf("sending: %d %%\n", percent > 100 ? 100 : percent);
    lastPercent = percent;
}

bool connectWire()
{
    wire.stop();
    Serial.printf("Looking for %s.local\n", TARGET);
    IPAddress address = MDNS.queryHost(TARGET);
    if (address == IPAddress(0, 0, 0, 0) || !wire.connect(address, PORT)) {
        Serial.printf("%s.local is not there: is the target in this network, and does it run?\n", TARGET);
        return false;
    }
    wire.setNoDelay(true);
    return true;
}

void startUpdate()
{
    lastPercent = -1;
    if (!SD.begin(CARD_CS)) {
        Serial.println("No card: is it in, and is CS wired?");
        return;
    }
    // The connection ends when the target restarts: then connectWire() is called again.
    sender.begin(wire, connectWire);
    sending = sender.start(SD.open("/firmware.bin"));
    if (!sending)
        Serial.print(sender.error());
}

void finish()
{
    sending = false;
    if (sender.error())
        Serial.print(sender.error());
    else
        Serial.println("The target runs the new firmware.");
    SD.end();
}

void setup()
{
    Serial.begin(115200);
    pinMode(BUTTON, INPUT_PULLUP);
    WiFi.mode(WIFI_STA);
    WiFi.begin(SSID, PASSWORD);
    while (WiFi.status() != WL_CONNECTED)
        delay(100);
    Serial.printf("Wi-Fi: %s\n", WiFi.localIP().toString().c_str());
    MDNS.begin("ferry-updater");
    sender.onProgress(showProgress);
    sender.onNote([](const char *text) { Serial.println(text); });
    startUpdate();
}

void loop()
{
    sender.loop();
    if (sending && !sender.busy())
        finish();
    if (!sending && digitalRead(BUTTON) == LOW)
        startUpdate();
}
