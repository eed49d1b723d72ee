// Status codes: one name for every way a thing can go wrong.
//
// Every function that can fail returns an int: 0 (FERRY_OK) or a positive count on success, a negative
// enum ferry_status on failure. Codes are classed by who has to act; the class is also the exit code of
// the command line (see ferry_status_exit_code).
#ifndef FERRY_BASE_STATUS_H
#define FERRY_BASE_STATUS_H

enum ferry_status_class {
    FERRY_CLASS_OK = 0,
    FERRY_CLASS_CALLER = 2,  // the program or the person asked for something impossible
    FERRY_CLASS_WIRE = 3,    // cable, levels, baud rate, boot mode
    FERRY_CLASS_TARGET = 4,  // the target answered, and refused or failed
    FERRY_CLASS_IMAGE = 5,   // what should be written is not fit for this target
    FERRY_CLASS_STORAGE = 6, // the card, the file, the disk
};

// X(name, value, class, text, hint). The text says what happened, the hint what to try.
#define FERRY_STATUS_LIST(X)                                                                                           \
    X(ARG, 1, CALLER, "argument out of range", "check the value; --help lists what is accepted")                       \
    X(STATE, 2, CALLER, "called in the wrong state", "this is a bug in the calling program; please report it")         \
    X(BUFFER, 3, CALLER, "buffer too small", "give the buffer size that the header states")                            \
    X(UNSUPPORTED, 4, CALLER, "not supported by this target", "see the chip table in the documentation")               \
    X(CANCELLED, 5, CALLER, "cancelled", "start again; what was proved is not written again")                          \
    X(AMBIGUOUS, 6, CALLER, "more than one choice", "name the one you mean")                                           \
    X(NO_MEMORY, 7, CALLER, "out of memory", "close other programs, or use fewer targets at once")                     \
    X(WIRE_OPEN, 20, WIRE, "the port cannot be opened", "check its name, that it exists, and that you may use it")     \
    X(WIRE_IO, 21, WIRE, "the port failed", "check the cable; was the adapter unplugged?")                             \
    X(WIRE_CLOSED, 22, WIRE, "the other side closed the connection", "is the target or its bridge still running?")     \
    X(NO_ANSWER, 23, WIRE, "no answer at all: the target is silent",                                                   \
      "check power, ground, and that TX and RX are crossed (TX to RX, RX to TX)")                                      \
    X(BOOT_MODE, 24, WIRE, "the chip started its own program instead of the serial loader",                            \
      "hold BOOT (pull the boot pin low) while the chip resets; check the wire to the boot pin")                       \
    X(TX_PATH, 25, WIRE, "the chip waits in download mode but does not hear us",                                       \
      "the wire from our TX to the target's RX seems open; check it and the levels (3.3 V)")                           \
    X(GARBAGE, 26, WIRE, "bytes arrive, but they make no sense",                                                       \
      "wrong baud rate, wrong crystal (26/40 MHz), or noise; try --baud 115200 and shorter wires")                     \
    X(TIMEOUT, 27, WIRE, "no answer in time", "the target stopped answering; check its supply, try a lower --baud")    \
    X(BAUD, 28, WIRE, "the line does not work at this baud rate", "use a lower --baud or shorter wires")               \
    X(NOISE, 29, WIRE, "too many errors on the line", "shorter wires, common ground, a lower --baud")                  \
    X(OVERRUN, 30, WIRE, "the target loses bytes while it is at work",                                                 \
      "let its UART receive from RAM while the flash erases, or its sink say that it is deaf")                         \
    X(REFUSED, 40, TARGET, "the target refused the command", "see the target's error byte")                            \
    X(PROTOCOL, 41, TARGET, "an answer that does not fit the protocol", "is this the target you think it is?")         \
    X(WRITE_FAILED, 42, TARGET, "the flash did not take what was written",                                             \
      "check the target's supply and its flash chip; a worn or write-protected flash does this")                       \
    X(VERIFY, 43, TARGET, "the flash holds something else than was sent", "write again; check supply and flash chip")  \
    X(FLASH_ID, 44, TARGET, "no flash chip answers (id 0 or all ones)",                                                \
      "check the flash connections and remove other hardware from the flash pins")                                     \
    X(FLASH_SIZE, 45, TARGET, "the flash size is unknown", "give it with --flash-size")                                \
    X(SECURE_DOWNLOAD, 46, TARGET, "the target is in secure download mode, which does not allow this",                 \
      "only plain writes are possible; they cannot be verified by the target")                                         \
    X(ENCRYPTED, 47, TARGET, "flash encryption is on: plain firmware would not start",                                 \
      "use firmware encrypted for this device; --force if you know what you do")                                       \
    X(SECURE_BOOT, 48, TARGET, "secure boot is on: only signed firmware starts, and the bootloader is protected",      \
      "use signed firmware and leave the bootloader out; --force if you know what you do")                             \
    X(WRONG_CHIP, 49, TARGET, "this is another chip than asked for", "connect the right target or correct --chip")     \
    X(UNKNOWN_CHIP, 50, TARGET, "this chip is not in the table", "a newer Ferry may know it")                          \
    X(TARGET_RESET, 51, TARGET, "the target reset in the middle", "check its supply: flash writes draw current")       \
    X(BUSY, 52, TARGET, "the target is busy with another job", "wait, or abort the other job")                         \
    X(NO_SPACE, 53, TARGET, "it does not fit there", "use a larger slot, or a smaller image")                          \
    X(NO_SLOT, 54, TARGET, "the target has no second OTA slot", "flash a partition table with two OTA slots once")     \
    X(NOT_CONFIRMED, 55, TARGET, "the new firmware did not confirm itself; the old one runs again",                    \
      "read the target's log: the new firmware crashed, hung or has no receiver")                                      \
    X(VERSION, 56, TARGET, "the other side speaks another version of the protocol", "update the older side")           \
    X(IMAGE_FORMAT, 60, IMAGE, "not an ESP firmware image", "give a .bin that the build made, not .elf, .hex or text") \
    X(IMAGE_TRUNCATED, 61, IMAGE, "the image is cut off", "copy it again; the file is shorter than its header says")   \
    X(IMAGE_CHECKSUM, 62, IMAGE, "the image's checksum is wrong", "the file is damaged; copy or build it again")       \
    X(IMAGE_HASH, 63, IMAGE, "the image's SHA-256 is wrong", "the file is damaged; copy or build it again")            \
    X(IMAGE_CHIP, 64, IMAGE, "the image is for another chip", "build for the chip that is connected")                  \
    X(IMAGE_REVISION, 65, IMAGE, "the image does not allow this chip revision",                                        \
      "build with the minimum (or maximum) chip revision of this target")                                              \
    X(TOO_LARGE_FLASH, 66, IMAGE, "it does not fit into the flash", "a board with more flash, or a smaller image")     \
    X(TOO_LARGE_PARTITION, 67, IMAGE, "it does not fit into its partition", "a larger partition, or a smaller image")  \
    X(OVERLAP, 68, IMAGE, "two regions overlap", "check the addresses; is one of them a merged image?")                \
    X(ALIGNMENT, 69, IMAGE, "not at a 4 KB sector boundary", "flash regions start at multiples of 0x1000")             \
    X(PARTITION_TABLE, 70, IMAGE, "the partition table is damaged", "build and copy partition-table.bin again")        \
    X(NO_PLACE, 71, IMAGE, "no address is known for this file",                                                        \
      "name it with its address (0x10000_app.bin) or bring the whole build folder")                                    \
    X(MANIFEST, 72, IMAGE, "the manifest cannot be used", "see the position in the message")                           \
    X(NO_CARGO, 73, IMAGE, "nothing that can be flashed was found", "copy a build folder or a .bin to the card")       \
    X(NO_BUILD_FOR_CHIP, 74, IMAGE, "no build for this chip", "add a build for the connected chip to the card")        \
    X(STORAGE_MISSING, 80, STORAGE, "the file or card is not there", "check the name; is the card in?")                \
    X(STORAGE_READ, 81, STORAGE, "reading failed", "is the card still in? try another card")                           \
    X(STORAGE_WRITE, 82, STORAGE, "writing failed", "is the card full or write-protected?")                            \
    X(STORAGE_CHANGED, 83, STORAGE, "the file changed during the job",                                                 \
      "do not change it while it is sent; start again")                                                                \
    X(STORAGE_PATH, 84, STORAGE, "the path leads out of the card", "use relative paths without '..'")                  \
    X(STORAGE_DAMAGED, 85, STORAGE, "stored data is damaged", "it is ignored; remove the file if this comes again")

enum ferry_status {
    FERRY_OK = 0,
#define X(name, value, cls, text, hint) FERRY_ERR_##name = -(value),
    FERRY_STATUS_LIST(X)
#undef X
};

// "NO_ANSWER" for FERRY_ERR_NO_ANSWER, "OK" for >= 0, "UNKNOWN" for a code that is none. Static strings.
const char *ferry_status_name(int status);
// One line of what happened / what to try, without a full stop. Static strings; "" hint for >= 0.
const char *ferry_status_text(int status);
const char *ferry_status_hint(int status);
enum ferry_status_class ferry_status_class_of(int status);
// 0 for >= 0, else the class (2..6); 1 for an unknown code.
int ferry_status_exit_code(int status);

#endif
