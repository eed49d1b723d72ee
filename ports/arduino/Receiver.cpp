#if defined(ARDUINO) && defined(ESP32)
#include "Receiver.h"

static const uint32_t RX_BUFFER = 8192; // as FerryWire::open() asks for

void FerryReceiver::aboutToRestart(void *ctx)
{
    FerryReceiver *self = static_cast<FerryReceiver *>(ctx);
    if (self->restart_)
        self->restart_();
    if (self->wire_.serial != nullptr)
        self->wire_.serial->flush();
    if (self->wire_.client != nullptr)
        self->wire_.client->stop();
    delay(50); // what was written last leaves the network stack
}

bool FerryReceiver::ready(bool deaf, uint32_t baud, uint32_t maxBaud, uint32_t buffer)
{
    error_.clear();
    int status = slot_.begin(deaf, aboutToRestart, this);
    ferry_link_receiver_cfg cfg = {};
    cfg.window = window_;
    cfg.window_size = sizeof window_;
    cfg.frame = frame_;
    cfg.frame_size = sizeof frame_;
    cfg.wire_buffer = buffer;
    cfg.start_baud = baud;
    cfg.max_baud = maxBaud;
    cfg.confirm_ms = confirmMs_;
    if (status >= 0)
        status = ferry_link_receiver_init(&engine_, &cfg, millis());
    memset(&pump_, 0, sizeof pump_);
    pump_.receiver = &engine_;
    pump_.stream = &wire_.io;
    pump_.sink = &slot_.sink;
    state_ = FERRY_LINK_RECEIVER_IDLE;
    told_ = 0;
    ready_ = status >= 0;
    bool table = status == FERRY_ERR_NO_PLACE || status == FERRY_ERR_PARTITION_TABLE;
    return ready_ || error_.set(status, "beginning", table ? "the partition scheme has to have two OTA slots" : "");
}

bool FerryReceiver::begin(HardwareSerial &serial, int8_t rxPin, int8_t txPin, uint32_t maxBaud)
{
    wire_.open(serial, rxPin, txPin, FERRY_START_BAUD);
    return ready(true, FERRY_START_BAUD, maxBaud, RX_BUFFER);
}

bool FerryReceiver::beginOpen(HardwareSerial &serial, uint32_t baud, uint32_t maxBaud)
{
    wire_.attach(serial);
    return ready(true, baud, maxBaud, 0);
}

bool FerryReceiver::begin(Stream &stream)
{
    wire_.attach(stream);
    return ready(true, 0, 0, 0);
}

bool FerryReceiver::begin()
{
    wire_.detach();
    return ready(false, 0, 0, 0);
}

void FerryReceiver::attach(Client &client)
{
    wire_.attach(client);
    pump_.rx_at = pump_.rx_len = pump_.tx_at = pump_.tx_len = 0; // of the connection before
}

void FerryReceiver::detach()
{
    wire_.detach();
}

void FerryReceiver::confirm()
{
    ferry_link_receiver_confirm(&engine_);
}
void FerryReceiver::giveUp()
{
    ferry_link_receiver_give_up(&engine_);
}

void FerryReceiver::tell()
{
    ferry_progress progress;
    ferry_link_receiver_ops.progress(&engine_, &progress);
    bool was = state_ == FERRY_LINK_RECEIVER_BEGUN || state_ == FERRY_LINK_RECEIVER_DATA;
    uint8_t before = state_;
    state_ = static_cast<uint8_t>(engine_.state);
    if (busy() && !was && begin_)
        begin_(engine_.manifest);
    if (busy() && progress_ && progress.total_done != done_)
        progress_(done_ = progress.total_done, progress.total_size);
    if (state_ == FERRY_LINK_RECEIVER_SELECTED && before != state_ && end_)
        end_();
    ferry_error error;
    ferry_link_receiver_explain(&engine_, &error); // in words
    if (error.status != told_ && (told_ = error.status) < 0) {
        error_.raw = error;
        if (errorCall_)
            errorCall_(error_);
    }
}

static int nothing(void *, uint8_t *, size_t)
{
    return 0;
}
static int dropped(void *, const uint8_t *, size_t len)
{
    return static_cast<int>(len);
}

void FerryReceiver::loop()
{
    if (!ready_)
        return;
    // Without a wire time passes all the same: a firmware on trial that nobody confirms has to be given up.
    static const ferry_stream none = {nullptr, nothing, dropped, nullptr, nullptr};
    pump_.stream = attached() ? &wire_.io : &none;
    uint32_t wait;
    if (ferry_receiver_pump_step(&pump_, millis(), &wait) < 0)
        detach();
    tell();
}

#endif
