#if defined(ARDUINO) && defined(ESP32)
#include "Sender.h"

#include <esp_random.h>

void FerrySender::begin(HardwareSerial &serial, int8_t rxPin, int8_t txPin, uint32_t maxBaud)
{
    wire_.open(serial, rxPin, txPin, FERRY_START_BAUD);
    maxBaud_ = maxBaud;
    clean_ = false;
    init();
}

void FerrySender::begin(Client &client, std::function<bool()> reopen)
{
    wire_.attach(client, reopen);
    maxBaud_ = 0;
    clean_ = true;
    init();
}

void FerrySender::begin(Stream &stream)
{
    wire_.attach(stream);
    maxBaud_ = 0;
    clean_ = false;
    init();
}

void FerrySender::end()
{
    cancel();
    wire_.detach();
    ready_ = false;
}

bool FerrySender::fail(int status, const char *detail)
{
    return error_.set(status, "checking", detail, name_);
}

void FerrySender::init()
{
    uint64_t mac = ESP.getEfuseMac();
    ferry_link_sender_cfg cfg = {};
    cfg.frame = frame_;
    cfg.frame_size = sizeof frame_;
    cfg.updater = ferry_crc32c(0, reinterpret_cast<const uint8_t *>(&mac), 6) | 1u; // the same after a restart
    cfg.seed = static_cast<uint16_t>(esp_random());
    cfg.start_baud = FERRY_START_BAUD;
    cfg.baud = maxBaud_;
    cfg.clean = clean_;
    cfg.take_over = takeOver_;
    ferry_link_sender_init(&engine_, &cfg);
    if (wire_.serial != nullptr)
        wire_.serial->updateBaudRate(FERRY_START_BAUD);
    basic_ = {};
    basic_.sources = &file_.io;
    basic_.source_count = 1;
    basic_.digest = &digest_.io;
    basic_.scratch = scratch_;
    basic_.scratch_size = sizeof scratch_;
    supply_ = ferry_supply_from(&basic_);
    memset(&pump_, 0, sizeof pump_);
    pump_.engine = &engine_;
    pump_.ops = &ferry_link_sender_ops;
    pump_.stream = &wire_.io;
    pump_.supply = &supply_;
    ready_ = true;
    busy_ = false;
}

// --- what is sent ----------------------------------------------------------------------------------------------------

// Names on the target are printable ASCII.
static void ascii(char *text)
{
    for (; *text != 0; text++)
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
}

bool FerrySender::fillFirmware(ferry_manifest &manifest, const ferry_image &image)
{
    if (image.format == FERRY_IMAGE_ESP8266 || image.has_boot_desc || (!image.has_app_desc && !force_))
        return fail(FERRY_ERR_IMAGE_FORMAT,
                    "not an application: send the sketch's .bin, not bootloader, partitions or merged");
    manifest.chip = image.chip_id;
    memcpy(manifest.project, image.app.project, sizeof manifest.project);
    memcpy(manifest.version, image.app.version, sizeof manifest.version);
    ascii(manifest.project);
    ascii(manifest.version);
    file_.io.size = image.size; // without filler behind it
    return true;
}

// Reads the whole file once: is it an image, is it whole?
bool FerrySender::look(ferry_link_job &job)
{
    static ferry_image image;
    uint8_t hash[FERRY_SHA256_SIZE];
    ferry_image_init(&image, FERRY_IMAGE_ESP32);
    int status = digest_.io.begin(&digest_, FERRY_DIGEST_SHA256);
    for (uint32_t at = 0; status >= 0 && at < file_.io.size;) {
        uint32_t left = file_.io.size - at;
        size_t n = left < sizeof scratch_ ? left : sizeof scratch_, used = 0;
        status = file_.io.read(&file_, at, scratch_, n);
        while (status >= 0 && used < n && !ferry_image_ended(&image)) {
            bool hashed = ferry_image_in_hash(&image);
            size_t took = ferry_image_feed(&image, scratch_ + used, n - used);
            if (hashed)
                digest_.io.update(&digest_, scratch_ + used, took);
            used += took;
            if (took == 0)
                break;
        }
        if (ferry_image_ended(&image))
            for (; status >= 0 && used < n; used++)
                if (scratch_[used] != 0xff && scratch_[used] != 0)
                    return fail(FERRY_ERR_IMAGE_FORMAT, "more follows behind the image: merged, or signed");
        at += static_cast<uint32_t>(n);
    }
    if (status >= 0)
        status = digest_.io.finish(&digest_, hash, sizeof hash);
    if (status < 0)
        return fail(status, "");
    status = ferry_image_finish(&image, hash);
    return status >= 0 ? fillFirmware(job.manifest, image) : fail(status, image.detail);
}

bool FerrySender::prepare(ferry_link_job &job, const char *partition)
{
    ferry_manifest &m = job.manifest;
    job.op = FERRY_LINK_SENDER_SEND;
    job.reboot = reboot_;
    job.confirm = reboot_ && confirm_;
    m.kind = partition[0] != 0 ? FERRY_MANIFEST_PARTITION : FERRY_MANIFEST_FIRMWARE;
    m.chip = FERRY_MANIFEST_CHIP_ANY;
    m.options = force_ ? static_cast<uint32_t>(FERRY_MANIFEST_FORCE) : 0u;
    if (strlcpy(m.name, partition, sizeof m.name) >= sizeof m.name)
        return fail(FERRY_ERR_ARG, "a partition label has at most 16 characters");
    if (m.kind == FERRY_MANIFEST_FIRMWARE && !look(job))
        return false;
    if (m.kind == FERRY_MANIFEST_PARTITION)
        job.reboot = job.confirm = false;
    m.size = file_.io.size;
    int status = digest_.io.begin(&digest_, FERRY_DIGEST_SHA256);
    for (uint32_t at = 0; status >= 0 && at < m.size; at += sizeof scratch_) {
        size_t n = m.size - at < sizeof scratch_ ? m.size - at : sizeof scratch_;
        status = file_.io.read(&file_, at, scratch_, n);
        if (status >= 0)
            status = digest_.io.update(&digest_, scratch_, n);
    }
    if (status >= 0)
        status = digest_.io.finish(&digest_, m.sha256, sizeof m.sha256);
    return status >= 0 || fail(status, "");
}

// --- running ---------------------------------------------------------------------------------------------------------

bool FerrySender::startJob(const ferry_link_job &job)
{
    if (!ready_ || busy_)
        return error_.set(FERRY_ERR_STATE, "starting", ready_ ? "still busy" : "begin() was not called");
    ferry_error last;
    ferry_link_sender_ops.error(&engine_, &last);
    if (engine_.cfg.take_over != takeOver_ || last.status < 0)
        init(); // after a failure the session begins anew
    int status = ferry_link_sender_start(&engine_, &job, millis());
    if (status < 0)
        return error_.set(status, "starting");
    busy_ = true;
    return true;
}

bool FerrySender::start(const fs::File &file, const char *partition)
{
    ferry_link_job job = {};
    error_.clear();
    strlcpy(name_, file ? file.name() : "", sizeof name_);
    if (busy_)
        return error_.set(FERRY_ERR_STATE, "starting", "still busy");
    if (!file_.open(file))
        return fail(FERRY_ERR_STORAGE_MISSING, "no such file, or it is empty (is the card in?)");
    return prepare(job, partition) && startJob(job);
}

void FerrySender::tell()
{
    ferry_event event;
    while (ferry_link_sender_ops.event(&engine_, &event))
        if (note_ && event.kind != FERRY_EVENT_SEGMENT && event.kind != FERRY_EVENT_REGION)
            note_(event.text);
    ferry_progress progress;
    ferry_link_sender_ops.progress(&engine_, &progress);
    if (progress_ && progress.total_size > 0)
        progress_(progress.total_done, progress.total_size);
}

void FerrySender::loop()
{
    if (!busy_)
        return;
    uint32_t wants = ferry_pump_step(&pump_, millis(), &wait_);
    tell();
    if (wants & (FERRY_WANT_DONE | FERRY_WANT_FAILED)) {
        busy_ = false;
        if (wants & FERRY_WANT_FAILED) {
            ferry_pump_error(&pump_, &error_.raw);
            strlcpy(error_.file, name_, sizeof error_.file);
        }
    }
}

bool FerrySender::run()
{
    while (busy_) {
        loop();
        delay(busy_ && wait_ > 0 ? 1 : 0);
    }
    return !error_;
}

void FerrySender::cancel()
{
    if (busy_)
        error_.set(FERRY_ERR_CANCELLED, "sending", "", name_);
    busy_ = false;
    if (ready_ && wire_.io.read != nullptr)
        init();
}

bool FerrySender::connect()
{
    ferry_link_job job = {};
    job.op = FERRY_LINK_SENDER_CONNECT;
    error_.clear();
    name_[0] = 0;
    return startJob(job) && run();
}

bool FerrySender::send(const fs::File &file)
{
    return start(file) && run();
}

bool FerrySender::send(fs::FS &fs, const char *path)
{
    fs::File file = fs.open(path, "r");
    strlcpy(name_, path, sizeof name_);
    return file ? send(file) : fail(FERRY_ERR_STORAGE_MISSING, "no such file (is the card in?)");
}

bool FerrySender::sendPartition(fs::FS &fs, const char *path, const char *label)
{
    fs::File file = fs.open(path, "r");
    strlcpy(name_, path, sizeof name_);
    return file ? start(file, label) && run() : fail(FERRY_ERR_STORAGE_MISSING, "no such file (is the card in?)");
}

#endif
