// Arduino.h, FS.h, SD.h and esp_fake.h of this folder.
#include <dirent.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "esp_fake.h"
#include "FS.h"
#include "SD.h"

extern "C" {
#include "ports/posix/port.h"
}

HardwareSerial Serial(0), Serial1(1);
EspClass ESP;
SDFS SD;

static ferry_posix_port port;
static bool pins[64];
static std::string said;

static const char *setting(const char *name, const char *otherwise = "")
{
    const char *value = getenv(name);
    return value != nullptr ? value : otherwise;
}

[[noreturn]] static void leave(int code)
{
    fflush(stdout);
    _exit(code);
}

// --- time, pins ------------------------------------------------------------------------------------------------------

unsigned long millis()
{
    static const long limit = atol(setting("FAKE_SECONDS", "60"));
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    static const time_t start = t.tv_sec;
    if (t.tv_sec - start > limit) {
        printf("fake: %ld s are over\n", limit);
        leave(3);
    }
    return static_cast<uint32_t>(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

void delay(uint32_t ms)
{
    usleep(ms * 1000);
}
void yield()
{
}
void pinMode(uint8_t, uint8_t)
{
}
int digitalRead(uint8_t pin)
{
    return pins[pin] ? LOW : HIGH;
}

void digitalWrite(uint8_t pin, uint8_t level)
{
    int reset = atoi(setting("FAKE_RESET", "-1")), boot = atoi(setting("FAKE_BOOT", "-1"));
    bool low = level == LOW, change = pins[pin] != low;
    pins[pin] = low;
    if (change && (pin == reset || pin == boot) && port.has_lines && reset >= 0 && boot >= 0)
        port.lines.set(port.lines.ctx, pins[reset], pins[boot]);
}

size_t fakeCopy(char *to, const char *from, size_t size)
{
    if (size > 0)
        snprintf(to, size, "%s", from);
    return strlen(from);
}

// --- printing --------------------------------------------------------------------------------------------------------

size_t Print::write(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        write(bytes[i]);
    return len;
}

size_t Print::print(const char *text)
{
    return write(reinterpret_cast<const uint8_t *>(text), strlen(text));
}
size_t Print::print(const Printable &what)
{
    return what.printTo(*this);
}
size_t Print::println(const char *text)
{
    return print(text) + print("\r\n");
}

size_t Print::printf(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return print(text);
}

static void say(const uint8_t *bytes, size_t len)
{
    static const char *until = setting("FAKE_UNTIL");
    fwrite(bytes, 1, len, stdout);
    fflush(stdout);
    said.append(reinterpret_cast<const char *>(bytes), len);
    if (*until != 0 && said.find(until) != std::string::npos && said.back() == '\n')
        leave(0);
}

// --- serial ----------------------------------------------------------------------------------------------------------

static uint8_t held[4096];
static size_t heldLen, heldAt;

void HardwareSerial::begin(unsigned long baud, uint32_t, int8_t, int8_t)
{
    ferry_posix_error error;
    if (number_ == 0 || port.stream.read != nullptr)
        return;
    if (ferry_posix_port_open(&port, setting("FAKE_SERIAL1"), static_cast<uint32_t>(baud), nullptr, &error) < 0) {
        ::printf("fake: %s: %s\n", error.where, error.what);
        leave(2);
    }
}

void HardwareSerial::updateBaudRate(unsigned long baud)
{
    if (number_ == 1 && port.stream.set_baud != nullptr)
        port.stream.set_baud(port.stream.ctx, static_cast<uint32_t>(baud));
}

int HardwareSerial::available()
{
    if (number_ == 0)
        return 0;
    if (heldAt == heldLen) {
        int n = port.stream.read(port.stream.ctx, held, sizeof held);
        heldAt = 0;
        heldLen = n > 0 ? static_cast<size_t>(n) : 0;
        if (n == 0)
            usleep(200); // do not burn the processor while nothing comes
    }
    return static_cast<int>(heldLen - heldAt);
}

size_t HardwareSerial::read(uint8_t *buf, size_t size)
{
    size_t there = static_cast<size_t>(available()), n = there < size ? there : size;
    memcpy(buf, held + heldAt, n);
    heldAt += n;
    return n;
}

int HardwareSerial::read()
{
    uint8_t byte;
    return read(&byte, 1) == 1 ? byte : -1;
}

size_t HardwareSerial::write(const uint8_t *bytes, size_t len)
{
    if (number_ == 0) {
        say(bytes, len);
        return len;
    }
    int n = port.stream.write(port.stream.ctx, bytes, len);
    return n < 0 ? 0 : static_cast<size_t>(n);
}

int HardwareSerial::availableForWrite()
{
    return 128;
}

void HardwareSerial::flush()
{
    while (number_ == 1 && port.stream.pending != nullptr && port.stream.pending(port.stream.ctx) > 0)
        usleep(1000);
}

// --- the card --------------------------------------------------------------------------------------------------------

namespace fs
{
struct FileState {
    std::string path, name;
    FILE *file = nullptr;
    DIR *folder = nullptr;
    ~FileState()
    {
        if (file != nullptr)
            fclose(file);
        if (folder != nullptr)
            closedir(folder);
    }
};

static File openPath(const std::string &path)
{
    auto state = std::make_shared<FileState>();
    struct stat st;
    state->path = path;
    state->name = path.substr(path.rfind('/') + 1);
    if (stat(path.c_str(), &st) != 0)
        return File();
    if (S_ISDIR(st.st_mode))
        state->folder = opendir(path.c_str());
    else
        state->file = fopen(path.c_str(), "rb");
    return File(state->file != nullptr || state->folder != nullptr ? state : nullptr);
}

size_t File::size() const
{
    struct stat st;
    return state_->file != nullptr && fstat(fileno(state_->file), &st) == 0 ? static_cast<size_t>(st.st_size) : 0;
}

bool File::seek(uint32_t at)
{
    return fseek(state_->file, at, SEEK_SET) == 0;
}
size_t File::read(uint8_t *buf, size_t size)
{
    return fread(buf, 1, size, state_->file);
}
int File::read()
{
    return fgetc(state_->file);
}
bool File::isDirectory() const
{
    return state_->folder != nullptr;
}
const char *File::name() const
{
    return state_->name.c_str();
}

File File::openNextFile(const char *)
{
    while (struct dirent *entry = readdir(state_->folder))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return openPath(state_->path + "/" + entry->d_name);
    return File();
}

File FS::open(const char *path, const char *)
{
    return openPath(std::string(setting("FAKE_SD")) + path);
}
} // namespace fs

bool SDFS::begin(uint8_t)
{
    return access(setting("FAKE_SD", "/none"), R_OK) == 0;
}

// --- the chip --------------------------------------------------------------------------------------------------------

static FILE *flash()
{
    static FILE *file = fopen(setting("FAKE_FLASH"), "r+b");
    return file;
}

esp_err_t esp_flash_read(esp_flash_t *, void *buffer, uint32_t address, uint32_t length)
{
    return fseek(flash(), address, SEEK_SET) == 0 && fread(buffer, 1, length, flash()) == length ? ESP_OK : 1;
}

esp_err_t esp_flash_write(esp_flash_t *, const void *buffer, uint32_t address, uint32_t length)
{
    std::string now(length, 0); // NOR flash: bits are only cleared
    if (esp_flash_read(nullptr, &now[0], address, length) != ESP_OK)
        return 1;
    for (uint32_t i = 0; i < length; i++)
        now[i] = static_cast<char>(now[i] & static_cast<const char *>(buffer)[i]);
    fseek(flash(), address, SEEK_SET);
    bool good = fwrite(now.data(), 1, length, flash()) == length;
    return fflush(flash()) == 0 && good ? ESP_OK : 1;
}

esp_err_t esp_flash_erase_region(esp_flash_t *, uint32_t address, uint32_t length)
{
    std::string blank(length, '\xff');
    fseek(flash(), address, SEEK_SET);
    bool good = fwrite(blank.data(), 1, length, flash()) == length;
    return fflush(flash()) == 0 && good ? ESP_OK : 1;
}

esp_err_t esp_flash_get_size(esp_flash_t *, uint32_t *size)
{
    if (flash() == nullptr || fseek(flash(), 0, SEEK_END) != 0)
        return 1;
    *size = static_cast<uint32_t>(ftell(flash()));
    return ESP_OK;
}

const esp_partition_t *esp_ota_get_running_partition()
{
    static const esp_partition_t running = {static_cast<uint32_t>(strtoul(setting("FAKE_RUNNING"), nullptr, 0))};
    return &running;
}

const esp_app_desc_t *esp_app_get_description()
{
    static esp_app_desc_t desc;
    esp_flash_read(nullptr, desc.version, esp_ota_get_running_partition()->address + 32 + 16, 32);
    esp_flash_read(nullptr, desc.project_name, esp_ota_get_running_partition()->address + 32 + 48, 32);
    return &desc;
}

void esp_chip_info(esp_chip_info_t *info)
{
    info->revision = 3;
}
int esp_reset_reason()
{
    return ESP_RST_SW;
}
uint32_t esp_random()
{
    return static_cast<uint32_t>(millis()) ^ static_cast<uint32_t>(getpid() * 2654435761u);
}
void esp_restart()
{
    leave(42);
}

esp_err_t esp_read_mac(uint8_t *mac, int)
{
    memcpy(mac, "\xa0\x02\x03\x04\x05\x06", 6);
    return ESP_OK;
}

// --- the program -----------------------------------------------------------------------------------------------------

void setup();
void loop();
extern "C" bool verifyRollbackLater();

// As initArduino(): without a receiver in the sketch, the core would confirm a new firmware by itself.
int main()
{
    printf("fake: the core %s\n", verifyRollbackLater() ? "leaves the trial to the sketch" : "confirms the firmware");
    setup();
    for (;;) {
        loop();
        millis();
    }
}
