// FerrySender: sends a new firmware to a target that runs, over any wire. The target's sketch contains FerryReceiver
// (or its firmware the receiver of ESP-IDF; `ferry receive` on a computer will do to try it).
//
//   FerrySender sender;
//   sender.begin(Serial1, RX, TX);
//   if (!sender.send(SD, "/firmware.bin"))
//       Serial.print(sender.error());
//
// What goes over the wire is begin (what comes, and its SHA-256), chunks with a checksum each, end (the target reads
// its flash back and compares). Interrupted anywhere, the target keeps its old firmware, and send() called again goes
// on where it was. send() blocks; start() and loop() do the same in small steps.
//
// Takes 8 KB of RAM, and on a UART 8 KB for its receive buffer: make it global.
#ifndef PORTS_ARDUINO_SENDER_H
#define PORTS_ARDUINO_SENDER_H

#include <functional>

#include "Parts.h"

class FerrySender
{
  public:
    // Through a UART: opened by this call at the rate the receiver waits at (115200), then as fast as both ends and
    // the line hold, up to maxBaud.
    void begin(HardwareSerial &serial, int8_t rxPin, int8_t txPin, uint32_t maxBaud = 921600);
    // WiFiClient and its like. reopen (connects it; true when it has) is called when the connection is not there or has
    // ended, as it does when the target restarts. Without it the client has to be connected, and setReboot(false).
    void begin(Client &client, std::function<bool()> reopen = nullptr);
    void begin(Stream &stream); // anything else; no rate is set
    void end();

    bool connect(); // hello: who is there; target() tells

    // A firmware image for the OTA slot that does not run. Proved, selected, started, confirmed.
    bool send(fs::FS &fs, const char *path);
    bool send(const fs::File &file);
    // The contents of a data partition, by its label (a SPIFFS, LittleFS, FAT or NVS image).
    bool sendPartition(fs::FS &fs, const char *path, const char *label);

    // The same without blocking: start, then loop() as often as possible until busy() is false; error() then tells.
    bool start(const fs::File &file, const char *partition = "");
    void loop();
    bool busy() const
    {
        return busy_;
    }
    void cancel(); // the target keeps what has arrived, and its old firmware

    const ferry_target_info &target() const
    {
        return engine_.target;
    } // valid after connect() or send()
    const FerryError &error() const
    {
        return error_;
    }

    void setReboot(bool reboot)
    {
        reboot_ = reboot;
    } // start it at once (default), or at the target's next restart
    void setConfirm(bool confirm)
    {
        confirm_ = confirm;
    } // confirm it once it answers (default), or let it do so itself
    void setForce(bool force)
    {
        force_ = force;
    } // also another project, or what runs already
    void setTakeOver(bool take)
    {
        takeOver_ = take;
    } // from another updater
    void onProgress(std::function<void(uint32_t done, uint32_t total)> call)
    {
        progress_ = call;
    }
    void onNote(std::function<void(const char *text)> call)
    {
        note_ = call;
    }

  private:
    void init();
    bool startJob(const ferry_link_job &job);
    bool run();
    bool prepare(ferry_link_job &job, const char *partition);
    bool look(ferry_link_job &job);
    bool fillFirmware(ferry_manifest &manifest, const ferry_image &image);
    void tell();
    bool fail(int status, const char *detail);

    FerryWire wire_;
    FerryDigest digest_;
    FerryFile file_;
    FerryError error_;
    char name_[48] = "";
    ferry_link_sender engine_ = {};
    ferry_pump pump_ = {};
    ferry_supply_basic basic_ = {};
    ferry_supply supply_ = {};
    uint32_t maxBaud_ = 0, wait_ = 0;
    bool ready_ = false, busy_ = false, clean_ = false;
    bool reboot_ = true, confirm_ = true, force_ = false, takeOver_ = false;
    std::function<void(uint32_t, uint32_t)> progress_;
    std::function<void(const char *)> note_;
    uint8_t frame_[FERRY_LINK_WIRE_BUFFER(1024)];
    uint8_t scratch_[1024];
};

#endif
