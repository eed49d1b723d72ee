// See Arduino.h.
#ifndef TESTS_SUPPORT_ARDUINO_FS_H
#define TESTS_SUPPORT_ARDUINO_FS_H
#include "Arduino.h"

namespace fs
{
struct FileState;

class File : public Stream
{
  public:
    explicit File(std::shared_ptr<FileState> state = nullptr) : state_(state)
    {
    }
    operator bool() const
    {
        return state_ != nullptr;
    }
    size_t size() const;
    bool seek(uint32_t at);
    size_t read(uint8_t *buf, size_t size);
    int read() override;
    int available() override
    {
        return 0;
    }
    int peek() override
    {
        return -1;
    }
    size_t write(uint8_t) override
    {
        return 0;
    }
    bool isDirectory() const;
    const char *name() const;
    File openNextFile(const char *mode = "r");

  private:
    std::shared_ptr<FileState> state_;
};

class FS
{
  public:
    File open(const char *path, const char *mode = "r");
};
} // namespace fs

using fs::File;

#endif
