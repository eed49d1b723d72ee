// FerryFlasher: programs a chip through the serial loader in its mask ROM. The target may be blank, bricked or running.
//
//   FerryFlasher flasher;
//   flasher.begin(Serial1, RX, TX, RESET, BOOT);
//   flasher.addFolder(SD, "/firmware");
//   if (!flasher.flash())
//       Serial.print(flasher.error());
//
// flash() connects, checks everything (chip, revision, checksums, SHA-256, sizes, overlaps, room in the partitions),
// and only then erases. What the target holds already is not sent again; the target's own MD5 proves the rest. It
// blocks until it is done; onProgress() is called all the while.
//
// Takes 12 KB of RAM, and on a UART 8 KB for its receive buffer: make it global, not a local variable.
#ifndef PORTS_ARDUINO_FLASHER_H
#define PORTS_ARDUINO_FLASHER_H

#include <functional>

#include "Parts.h"

class FerryFlasher
{
  public:
    static const uint32_t AUTO = UINT32_MAX; // the address is told by the file: see add()
    static const uint8_t MAX_FILES = 12;

    // Through a UART: opened by this call, rates chosen by flash().
    void begin(HardwareSerial &serial, int8_t rxPin, int8_t txPin, int8_t resetPin, int8_t bootPin);
    // Through anything else that carries bytes; it stays at its rate. Without pins the target has to be in its loader:
    // hold BOOT, press reset.
    void begin(Stream &stream, int8_t resetPin = -1, int8_t bootPin = -1);
    void begin(Client &client);

    // What to write. AUTO, by name: "0x10000_app.bin" says it; *bootloader.bin goes to the chip's place for it,
    // *partitions.bin and *partition-table.bin to 0x8000, boot_app0.bin and ota_data_initial.bin to otadata,
    // *merged.bin to 0; any other .bin is the app and goes to the first app partition of the table that is written
    // along with it. false: error().
    bool add(fs::FS &fs, const char *path, uint32_t address = AUTO);
    bool add(const fs::File &file, uint32_t address = AUTO);
    // Every .bin file in a folder; merged images only where there is nothing else.
    bool addFolder(fs::FS &fs, const char *path);
    void clear(); // forgets the files

    bool flash();   // all of it; the target runs the new firmware afterwards
    bool connect(); // only looks who is there; leave() lets it run again
    bool leave();

    const ferry_target &target() const
    {
        return *ferry_flasher_target(&engine_);
    }                             // after connect() or flash()
    const char *chipName() const; // "ESP32-C3"; "?" before
    const FerryError &error() const
    {
        return error_;
    }

    void setBaud(uint32_t baud)
    {
        baud_ = baud;
    } // to work at; 0 = 921600. Falls back by itself
    void setForce(bool force)
    {
        force_ = force;
    } // also another chip or revision than the image is for
    void onProgress(std::function<void(uint32_t done, uint32_t total)> call)
    {
        progress_ = call;
    }
    void onNote(std::function<void(const char *text)> call)
    {
        note_ = call;
    } // steps and warnings, for a log

  private:
    struct Item {
        FerryFile file;
        uint32_t address;
        char name[48];
        bool app;
    };

    bool start(const ferry_rom_job &job);
    void init();
    bool place();
    bool placeOne(Item &item);
    bool check();
    bool checkImage(Item &item);
    bool checkChip(const Item &item, const ferry_image &image);
    bool checkRoom(const Item &item);
    bool readTable();
    bool addOtadata();
    void sort();
    bool lie();
    bool fail(int status, const char *detail, const char *file = "");
    static int tick(void *self);
    void tell();

    FerryWire wire_;
    FerryLines lines_;
    FerryDigest digest_;
    FerryError error_;
    Item items_[MAX_FILES];
    uint8_t count_ = 0;
    ferry_region regions_[MAX_FILES + 1];
    ferry_source sources_[MAX_FILES + 1];
    uint8_t regionCount_ = 0;
    ferry_flasher engine_ = {};
    ferry_pump pump_ = {};
    ferry_supply_basic basic_ = {};
    ferry_supply supply_ = {};
    uint32_t baud_ = 0;
    bool force_ = false, connected_ = false;
    std::function<void(uint32_t, uint32_t)> progress_;
    std::function<void(const char *)> note_;
    uint8_t block_[6144 + 64];
    uint8_t scratch_[1024];
};

#endif
