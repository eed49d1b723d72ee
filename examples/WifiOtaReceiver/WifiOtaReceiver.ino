/*
  WifiOtaReceiver: a sketch that can be replaced over Wi-Fi, while it runs.

  WIRING: none. Fill in the name and password of your network below, upload once by USB.

  Send it a new version from another ESP32 (example WifiUpdater), or from a computer in the same network:
    ferry send MySketch.ino.bin --port socket://ferry-target.local:3232

  NEEDS a partition scheme with two OTA slots: Arduino's default has them.

  WHAT YOU WILL SEE (serial monitor, 115200)
    This is version 1.
    Wi-Fi: 192.168.1.57, port 3232, also ferry-target.local
    192.168.1.20 has connected.
    received 100 %
    Update complete: restarting into it.
    This is version 2.

  Whoever is in the network can update this board: nothing here asks who sends. Keep it inside a network you trust.
*/
#include <ESPmDNS.h>
#include <Ferry.h>
#include <WiFi.h>

const char *SSID = "your network", *PASSWORD = "its password", *NAME = "ferry-target";
const int VERSION = 1;
const uint16_t PORT = 3232;

FerryReceiver receiver; // global: it takes 11 KB
WiFiServer server(PORT);
WiFiClient client; // stays where it is as long as it is attached
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
    Serial.printf("This is version %d.\n", VERSION);
    receiver.onProgress(showProgress);
    receiver.onEnd([]() { Serial.println("Update complete: restarting into it."); });
    receiver.onError([](const FerryError &error) { Serial.print(error); });
    if (!receiver.begin()) // first: a firmware on trial is looked after even when there is no network
        Serial.print(receiver.error());
    WiFi.mode(WIFI_STA);
    WiFi.begin(SSID, PASSWORD);
}

void serve()
{
    static bool up = false;
    bool now = WiFi.status() == WL_CONNECTED;
    if (now && !up) {
        server.begin();
        server.setNoDelay(true);
        MDNS.begin(NAME);
        Serial.printf("Wi-Fi: %s, port %u, also %s.local\n", WiFi.localIP().toString().c_str(), PORT, NAME);
    }
    up = now;
    if (!up || (receiver.attached() && client.connected() && receiver.busy()))
        return; // one updater at a time
    WiFiClient next = server.accept();
    if (next) {
        Serial.printf("%s has connected.\n", next.remoteIP().toString().c_str());
        client = next;
        receiver.attach(client);
    }
}

void loop()
{
    serve();
    receiver.loop();
    // Your own work goes here.
}
