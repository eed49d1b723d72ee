#if defined(ARDUINO) && defined(ESP32)
#include "Flasher.h"

void FerryFlasher::begin(HardwareSerial &serial, int8_t rxPin, int8_t txPin, int8_t resetPin, int8_t bootPin)
{
    wire_.open(serial, rxPin, txPin, 115200);
    lines_.begin(resetPin, bootPin);
    connected_ = false;
}

void FerryFlasher::begin(Stream &stream, int8_t resetPin, int8_t bootPin)
{
    wire_.attach(stream);
    lines_.begin(resetPin, bootPin);
    connected_ = false;
}

void FerryFlasher::begin(Client &client)
{
    wire_.attach(client);
    lines_.begin(-1, -1);
    connected_ = false;
}

bool FerryFlasher::fail(int status, const char *detail, const char *file)
{
    return error_.set(status, "checking", detail, file);
}

// --- files -----------------------------------------------------------------------------------------------------------

bool FerryFlasher::add(const fs::File &file, uint32_t address)
{
    if (count_ == MAX_FILES)
        return fail(FERRY_ERR_NO_SPACE, "more than 12 files", "");
    Item &item = items_[count_];
    const char *name = file ? file.name() : "";
    const char *slash = strrchr(name, '/'); // core 1 and 2.0.0 give the whole path
    strlcpy(item.name, slash != nullptr ? slash + 1 : name, sizeof item.name);
    if (!item.file.open(file))
        return fail(FERRY_ERR_STORAGE_MISSING, "no such file, or it is empty", item.name);
    item.address = address;
    item.app = false;
    count_++;
    return true;
}

bool FerryFlasher::add(fs::FS &fs, const char *path, uint32_t address)
{
    fs::File file = fs.open(path, "r");
    return file ? add(file, address) : fail(FERRY_ERR_STORAGE_MISSING, "no such file", path);
}

bool FerryFlasher::addFolder(fs::FS &fs, const char *path)
{
    clear();
    for (int merged = 0; merged < 2 && count_ == 0; merged++) {
        fs::File folder = fs.open(path, "r");
        if (!folder || !folder.isDirectory())
            return fail(FERRY_ERR_STORAGE_MISSING, "no such folder (is the card in?)", path);
        for (fs::File file = folder.openNextFile(); file; file = folder.openNextFile()) {
            const char *slash = strrchr(file.name(), '/');
            const char *name = slash != nullptr ? slash + 1 : file.name();
            bool wanted = !file.isDirectory() && name[0] != '.' && ferryEnds(name, ".bin");
            if (wanted && ferryEnds(name, "merged.bin") == (merged == 1) && !add(file))
                return false;
        }
    }
    return count_ > 0 || fail(FERRY_ERR_NO_CARGO, "no .bin file in this folder", path);
}

void FerryFlasher::clear()
{
    for (Item &item : items_)
        item.file.file = fs::File();
    count_ = regionCount_ = 0;
    error_.clear();
}

// --- jobs ------------------------------------------------------------------------------------------------------------

void FerryFlasher::init()
{
    ferry_flasher_cfg cfg = {};
    cfg.block = block_;
    cfg.block_size = sizeof block_;
    cfg.chip = FERRY_CHIP_ANY;
    cfg.has_lines = lines_.present();
    cfg.connect_attempts = 3;
    cfg.baud = wire_.io.set_baud != nullptr ? baud_ : 115200;
    ferry_flasher_init(&engine_, &cfg);
    basic_ = {};
    basic_.sources = sources_;
    basic_.digest = &digest_.io;
    basic_.scratch = scratch_;
    basic_.scratch_size = sizeof scratch_;
    supply_ = ferry_supply_from(&basic_);
    memset(&pump_, 0, sizeof pump_);
    pump_.engine = &engine_;
    pump_.ops = &ferry_flasher_ops;
    pump_.stream = &wire_.io;
    pump_.lines = lines_.present() ? &lines_.io : nullptr;
    pump_.supply = &supply_;
}

void FerryFlasher::tell()
{
    ferry_event event;
    while (ferry_flasher_ops.event(&engine_, &event))
        if (note_ && event.kind != FERRY_EVENT_SEGMENT && event.kind != FERRY_EVENT_REGION)
            note_(event.text);
}

int FerryFlasher::tick(void *ctx)
{
    FerryFlasher *self = static_cast<FerryFlasher *>(ctx);
    self->tell();
    ferry_progress progress;
    ferry_flasher_ops.progress(&self->engine_, &progress);
    if (self->progress_ && progress.total_size > 0)
        self->progress_(progress.total_done, progress.total_size);
    return 0;
}

bool FerryFlasher::start(const ferry_rom_job &job)
{
    error_.clear();
    int status = ferry_flasher_start_core(&engine_, &job, millis());
    if (status >= 0)
        status = ferry_pump_run(&pump_, &FerryClock, tick, this);
    tell();
    if (status >= 0)
        return true;
    ferry_pump_error(&pump_, &error_.raw);
    if (error_.raw.status == 0)
        error_.set(status, "starting");
    return false;
}

bool FerryFlasher::connect()
{
    if (wire_.io.read == nullptr)
        return error_.set(FERRY_ERR_STATE, "connecting", "begin() was not called");
    if (wire_.serial != nullptr)
        wire_.serial->updateBaudRate(115200);
    init();
    ferry_rom_job job = {};
    job.op = FERRY_ROM_CONNECT;
    connected_ = start(job);
    return connected_;
}

bool FerryFlasher::leave()
{
    ferry_rom_job job = {};
    job.op = FERRY_ROM_LEAVE;
    job.after = FERRY_AFTER_HARD_RESET;
    bool was = connected_;
    connected_ = false;
    return was ? start(job) : error_.set(FERRY_ERR_STATE, "leaving", "not connected");
}

bool FerryFlasher::flash()
{
    error_.clear();
    if (count_ == 0)
        return fail(FERRY_ERR_NO_CARGO, "nothing was added");
    if (!connect())
        return false;
    if (!place() || !check()) {
        FerryError why = error_;
        leave(); // nothing was erased: it goes on with what it had
        error_ = why;
        return false;
    }
    ferry_rom_job job = {};
    job.op = FERRY_ROM_WRITE;
    job.regions = regions_;
    job.region_count = regionCount_;
    basic_.source_count = regionCount_;
    return start(job) && leave();
}

const char *FerryFlasher::chipName() const
{
    const ferry_chip *chip = connected_ || regionCount_ > 0 ? target().chip : nullptr;
    return chip != nullptr ? chip->label : "?";
}

#endif
