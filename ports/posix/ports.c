#include "ports/posix/ports.h"

#include <libserialport.h>
#include <stdio.h>

#include "ferry/base/status.h"

// What a USB device calls itself may hold anything; a terminal must not see control characters.
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 32 || *text == 127)
            *text = '?';
}

static void fill(struct ferry_posix_ports_entry *to, const struct sp_port *port)
{
    const char *description = sp_get_port_description(port);
    snprintf(to->name, sizeof to->name, "%s", sp_get_port_name(port));
    snprintf(to->description, sizeof to->description, "%s", description ? description : "");
    clean(to->name);
    clean(to->description);
    to->usb = sp_get_port_transport(port) == SP_TRANSPORT_USB;
    if (!to->usb || sp_get_port_usb_vid_pid(port, &to->vid, &to->pid) != SP_OK)
        to->vid = to->pid = 0;
}

size_t ferry_posix_ports_list(struct ferry_posix_ports_entry *out, size_t cap)
{
    struct sp_port **list;
    if (sp_list_ports(&list) != SP_OK)
        return 0;
    size_t count = 0;
    for (; list[count]; count++)
        if (count < cap)
            fill(&out[count], list[count]);
    sp_free_port_list(list);
    return count;
}

bool ferry_posix_ports_likely(const struct ferry_posix_ports_entry *entry)
{
    static const int vids[] = {0x303a, 0x10c4, 0x1a86, 0x0403, 0x067b}; // Espressif, Silicon Labs, WCH, FTDI, Prolific
    for (size_t i = 0; i < sizeof vids / sizeof vids[0]; i++)
        if (entry->usb && entry->vid == vids[i])
            return true;
    return false;
}

static bool on_usb(const struct ferry_posix_ports_entry *entry)
{
    return entry->usb;
}

static size_t select_by(const struct ferry_posix_ports_entry *entries, size_t count,
                        bool (*want)(const struct ferry_posix_ports_entry *),
                        const struct ferry_posix_ports_entry **first)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (want(&entries[i]) && n++ == 0)
            *first = &entries[i];
    return n;
}

static bool any(const struct ferry_posix_ports_entry *entry)
{
    (void)entry;
    return true;
}

static void list_in_hint(const struct ferry_posix_ports_entry *entries, size_t count,
                         bool (*want)(const struct ferry_posix_ports_entry *), struct ferry_posix_error *error)
{
    char text[sizeof error->hint] = "name it with --port:";
    size_t at = 20;
    for (size_t i = 0; i < count && at + 1 < sizeof text; i++) {
        if (!want(&entries[i]))
            continue;
        int n = snprintf(text + at, sizeof text - at, "\n%s%s%s", entries[i].name,
                         entries[i].description[0] ? "  " : "", entries[i].description);
        at += n > 0 ? (size_t)n : 0;
    }
    ferry_posix_error_hint(error, "%s", text);
}

const struct ferry_posix_ports_entry *ferry_posix_ports_choose(const struct ferry_posix_ports_entry *entries,
                                                               size_t count, struct ferry_posix_error *error)
{
    const struct ferry_posix_ports_entry *found = 0;
    bool (*want)(const struct ferry_posix_ports_entry *) = ferry_posix_ports_likely;
    size_t n = select_by(entries, count, want, &found);
    if (n == 0) {
        want = on_usb;
        n = select_by(entries, count, want, &found);
    }
    if (n == 1)
        return found;
    if (n > 1) {
        ferry_posix_error_set(error, FERRY_ERR_AMBIGUOUS, 0, "%zu ports could be meant", n);
        list_in_hint(entries, count, want, error);
        return 0;
    }
    ferry_posix_error_set(error, FERRY_ERR_WIRE_OPEN, 0, "no board or USB serial adapter was found");
    if (count)
        list_in_hint(entries, count, any, error);
    else
        ferry_posix_error_hint(error, "plug it in (a data cable, not one for charging only), or name the port: --port "
                                      "/dev/ttyUSB0, --port socket://HOST:PORT, --port rfc2217://HOST:PORT");
    return 0;
}
