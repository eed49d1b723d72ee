// FerryReceiver: the running sketch takes a new firmware over any wire and starts it. Needs a partition table with two
// OTA slots (Arduino's default has them).
//
//   FerryReceiver receiver;                      // global
//   void setup() { receiver.begin(Serial1, RX, TX); }
//   void loop()  { receiver.loop(); ... }
//
// The old firmware runs on until the new one is complete, proved by SHA-256 and selected. It then starts on trial: the
// updater (or confirm()) has to confirm it within confirmMs; if it crashes, hangs or stays silent, the old one comes
// back by itself. The receiver may share a UART with the sketch's own Serial.print() output.
//
// Nothing here asks who sends: whoever reaches the wire can update this board. On Wi-Fi keep it inside a network that
// you trust.
//
// Takes 11 KB of RAM, and on a UART 8 KB for its receive buffer: make it global.
#ifndef PORTS_ARDUINO_RECEIVER_H
#define PORTS_ARDUINO_RECEIVER_H

#include <functional>

#include "Parts.h"
#include "Slot.h"

class FerryReceiver
{
  public:
    // On a UART: opened by this call at 115200. maxBaud: the fastest that an updater may ask for.
    bool begin(HardwareSerial &serial, int8_t rxPin, int8_t txPin, uint32_t maxBaud = 921600);
    // On a UART that the sketch has opened already (Serial, for instance), at the rate it has now. Call
    // setRxBufferSize(8192) before its begin(): with the usual 256 bytes the updater has to go very slowly.
    bool beginOpen(HardwareSerial &serial, uint32_t baud, uint32_t maxBaud = 921600);
    bool begin(Stream &stream); // anything else
    bool begin();               // no wire yet: attach() one when somebody connects
    // A connection (WiFiClient ...); the one before, if any, is dropped. The client must stay where it is.
    void attach(Client &client);
    void detach();
    bool attached() const
    {
        return wire_.io.read != nullptr;
    }

    // As often as possible; never longer away than it takes to fill the receive buffer (about 40 ms at 921600 baud).
    // Blocks up to 0.5 s while the flash erases, which it does only during an update.
    void loop();

    bool busy() const
    {
        return engine_.state == FERRY_LINK_RECEIVER_DATA || engine_.state == FERRY_LINK_RECEIVER_BEGUN;
    }
    bool onTrial() const
    {
        return engine_.on_trial;
    }               // this firmware is new and has not been confirmed
    void confirm(); // it is good (a self test has passed)
    void giveUp();  // it is not: the old one comes back at the next restart
    const FerryError &error() const
    {
        return error_;
    }

    void onBegin(std::function<void(const ferry_manifest &)> call)
    {
        begin_ = call;
    } // an update begins
    void onProgress(std::function<void(uint32_t done, uint32_t total)> call)
    {
        progress_ = call;
    }
    void onEnd(std::function<void()> call)
    {
        end_ = call;
    } // it is complete and selected
    void onError(std::function<void(const FerryError &)> call)
    {
        errorCall_ = call;
    }
    void onRestart(std::function<void()> call)
    {
        restart_ = call;
    } // the board is about to restart: save what you need
    void setConfirmMs(uint32_t ms)
    {
        confirmMs_ = ms;
    } // before begin(); 0 = 60000

  private:
    bool ready(bool deaf, uint32_t baud, uint32_t maxBaud, uint32_t buffer);
    void tell();
    static void aboutToRestart(void *self);

    FerryWire wire_;
    FerrySlot slot_;
    FerryError error_;
    ferry_link_receiver engine_ = {};
    ferry_receiver_pump pump_ = {};
    uint8_t state_ = FERRY_LINK_RECEIVER_IDLE;
    uint32_t done_ = UINT32_MAX, confirmMs_ = 0;
    int told_ = 0;
    bool ready_ = false;
    std::function<void(const ferry_manifest &)> begin_;
    std::function<void(uint32_t, uint32_t)> progress_;
    std::function<void()> end_, restart_;
    std::function<void(const FerryError &)> errorCall_;
    uint8_t window_[6144];
    uint8_t frame_[FERRY_LINK_PLAIN_BUFFER(1024)];
};

#endif
