// See Arduino.h.
#ifndef TESTS_SUPPORT_ARDUINO_WIFI_H
#define TESTS_SUPPORT_ARDUINO_WIFI_H
#include "Client.h"

#define WL_CONNECTED 3
#define WIFI_STA 1

class IPAddress
{
  public:
    IPAddress(uint8_t a = 0, uint8_t b = 0, uint8_t c = 0, uint8_t d = 0) : bytes_{a, b, c, d}
    {
    }
    bool operator==(const IPAddress &other) const
    {
        return memcmp(bytes_, other.bytes_, 4) == 0;
    }
    String toString() const;

  private:
    uint8_t bytes_[4];
};

struct Socket;

class WiFiClient : public Client
{
  public:
    explicit WiFiClient(std::shared_ptr<Socket> socket = nullptr) : socket_(socket)
    {
    }
    int connect(IPAddress address, uint16_t port); // FAKE_PORT on the loopback interface
    operator bool()
    {
        return connected();
    }
    uint8_t connected() override;
    int available() override;
    int read() override;
    int read(uint8_t *buf, size_t size) override;
    int peek() override
    {
        return -1;
    }
    size_t write(uint8_t byte) override
    {
        return write(&byte, 1);
    }
    size_t write(const uint8_t *bytes, size_t len) override;
    void stop() override
    {
        socket_.reset();
    }
    IPAddress remoteIP() const
    {
        return IPAddress(127, 0, 0, 1);
    }
    int setNoDelay(bool)
    {
        return 0;
    }

  private:
    std::shared_ptr<Socket> socket_;
};

class WiFiServer
{
  public:
    explicit WiFiServer(uint16_t)
    {
    }
    void begin(); // listens at FAKE_PORT
    WiFiClient accept();
    void setNoDelay(bool)
    {
    }

  private:
    std::shared_ptr<Socket> socket_;
};

class WiFiClass
{
  public:
    bool mode(int)
    {
        return true;
    }
    int begin(const char *, const char *)
    {
        return WL_CONNECTED;
    }
    int status()
    {
        return WL_CONNECTED;
    }
    IPAddress localIP()
    {
        return IPAddress(127, 0, 0, 1);
    }
};
extern WiFiClass WiFi;

#endif
