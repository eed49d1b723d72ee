// Arduino's core for ESP32 as far as the sketches and ports/arduino use it, on a computer: Serial is the standard
// output, Serial1 any port that ferry_posix_port_open() knows, the flash a file, the card a folder, Wi-Fi the loopback
// interface. Declarations follow the cores 2.0 and 3; behaviour is only what these tests need. What it shows: the
// classes and sketches compile and do their work end to end. What it cannot show: timing, interrupts, real drivers.
//
//   FAKE_SERIAL1   port of Serial1               FAKE_FLASH, FAKE_RUNNING   flash file; address of what runs
//   FAKE_SD        folder that is the card       FAKE_RESET, FAKE_BOOT      pins that are wired to the port's lines
//   FAKE_UNTIL     text: exit 0 once Serial says it          FAKE_SECONDS   exit 3 after so long
//   FAKE_PORT      TCP port of this test         esp_restart(): exit 42
#ifndef TESTS_SUPPORT_ARDUINO_ARDUINO_H
#define TESTS_SUPPORT_ARDUINO_ARDUINO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <functional>
#include <memory>
#include <string>

#define HIGH 1
#define LOW 0
#define INPUT_PULLUP 5
#define OUTPUT_OPEN_DRAIN 0x13
#define SERIAL_8N1 0x800001c
#define CONFIG_IDF_FIRMWARE_CHIP_ID 5
#define CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE 1

unsigned long millis();
void delay(uint32_t ms);
void yield();
void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t level);
int digitalRead(uint8_t pin);
size_t fakeCopy(char *to, const char *from, size_t size); // BSD's strlcpy, which glibc of this age lacks
#define strlcpy fakeCopy

class String : public std::string
{
  public:
    using std::string::string;
};

class Printable;

class Print
{
  public:
    virtual ~Print()
    {
    }
    virtual size_t write(uint8_t byte) = 0;
    virtual size_t write(const uint8_t *bytes, size_t len);
    virtual int availableForWrite()
    {
        return 0;
    }
    size_t print(const char *text);
    size_t print(const Printable &what);
    size_t println(const char *text = "");
    size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3)));
};

class Printable
{
  public:
    virtual ~Printable()
    {
    }
    virtual size_t printTo(Print &out) const = 0;
};

class Stream : public Print
{
  public:
    virtual int available() = 0;
    virtual int read() = 0;
    virtual int peek() = 0;
    virtual void flush()
    {
    }
};

class HardwareSerial : public Stream
{
  public:
    explicit HardwareSerial(int number) : number_(number)
    {
    }
    void begin(unsigned long baud, uint32_t config = SERIAL_8N1, int8_t rxPin = -1, int8_t txPin = -1);
    void end()
    {
    }
    size_t setRxBufferSize(size_t size)
    {
        return size;
    }
    bool setRxFIFOFull(uint8_t)
    {
        return true;
    }
    void updateBaudRate(unsigned long baud);
    int available() override;
    int read() override;
    size_t read(uint8_t *buf, size_t size);
    int peek() override
    {
        return -1;
    }
    size_t write(uint8_t byte) override
    {
        return write(&byte, 1);
    }
    size_t write(const uint8_t *bytes, size_t len) override;
    int availableForWrite() override;
    void flush() override;

  private:
    int number_;
};

extern HardwareSerial Serial, Serial1;

class EspClass
{
  public:
    uint64_t getEfuseMac()
    {
        return 0x0605040302a0u;
    }
};
extern EspClass ESP;

#endif
