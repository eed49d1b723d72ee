#include "kept.h"

#include "ferry/base/status.h"
#include "ports/esp-idf/settings.h"
#include "sdkconfig.h"

#if CONFIG_FERRY_UPDATER_NETWORK && CONFIG_FERRY_WIFI
#define WIFI 1
#else
#define WIFI 0
#endif
#if CONFIG_FERRY_UPDATER_NETWORK && CONFIG_FERRY_ETHERNET
#define ETHERNET 1
#else
#define ETHERNET 0
#endif

#if CONFIG_FERRY_UPDATER_DEPOT
#define DEPOT 1
#else
#define DEPOT 0
#endif

#define BLE CONFIG_FERRY_UPDATER_TARGET_BLE
#define NOW CONFIG_FERRY_UPDATER_TARGET_ESPNOW
#define PINS CONFIG_FERRY_UPDATER_TARGET_PINS

#define JOB "job.cut" // NVS: a job was writing

static const struct ferry_web_setting rows[] = {
    {.name = "name", .kind = FERRY_WEB_TEXT, .label = "Name of this updater", .min = 1, .max = 31, .restart = true},
    {.name = "cargo", .kind = FERRY_WEB_BUILD_NAME, .label = "Firmware", .hint = "when the card holds several"},
    {.name = "auto",
     .kind = FERRY_WEB_CHOICE,
     .label = "Start without being asked",
     .hint = "once when switched on, or whenever a target is connected",
     .choices = "off|power-on|target",
     .restart = true},
    {.name = "route",
     .kind = FERRY_WEB_CHOICE,
     .label = "Way into the target",
     .hint = "the ROM loader, a running receiver, or whichever answers",
     .choices = "rom|link|auto"},
    {.name = "baud", .kind = FERRY_WEB_NUMBER, .label = "Baud rate", .unit = "baud", .min = 9600, .max = 5000000},
    {.name = "link_baud",
     .kind = FERRY_WEB_NUMBER,
     .label = "Baud rate of running receivers",
     .unit = "baud",
     .min = 9600,
     .max = 5000000},
    {.name = "erase_all", .kind = FERRY_WEB_BOOL, .label = "Erase the whole flash first"},
#if WIFI
    {.name = "wifi.mode",
     .kind = FERRY_WEB_CHOICE,
     .label = "Wi-Fi",
     .hint = "off, an access point of its own, or joining one",
     .choices = "off|ap|sta",
     .restart = true},
    {.name = "wifi.ssid", .kind = FERRY_WEB_TEXT, .label = "Wi-Fi name", .max = 32, .restart = true},
    {.name = "wifi.password",
     .kind = FERRY_WEB_SECRET,
     .label = "Wi-Fi password",
     .min = 8,
     .max = 63,
     .restart = true},
#endif
#if ETHERNET
    {.name = "eth.on", .kind = FERRY_WEB_BOOL, .label = "Ethernet", .restart = true},
    {.name = "eth.address",
     .kind = FERRY_WEB_TEXT,
     .label = "Ethernet address",
     .hint = "192.168.1.5/24,192.168.1.1 (with gateway); empty: from the network",
     .max = 40,
     .restart = true},
#endif
#if WIFI || ETHERNET
    {.name = "net.target",
     .kind = FERRY_WEB_TEXT,
     .label = "Target on the network",
     .hint = "address[:port] of a running receiver, for the target NET",
     .max = 63},
    {.name = "web.token",
     .kind = FERRY_WEB_SECRET,
     .label = "Token of the web page",
     .hint = "without one, whoever reaches the page may do everything",
     .min = 4,
     .max = 63,
     .restart = true},
#endif
#if DEPOT
    {.name = "depot.url",
     .kind = FERRY_WEB_TEXT,
     .label = "Depot",
     .hint = "address of a ferry depot serve: https://depot.local:8470",
     .max = 65,
     .restart = true},
    {.name = "depot.token",
     .kind = FERRY_WEB_SECRET,
     .label = "Token for the depot",
     .hint = "with scope work; read is enough to list and fetch, device for check-in",
     .min = 4,
     .max = 65,
     .restart = true},
    {.name = "depot.ca",
     .kind = FERRY_WEB_TEXT,
     .label = "Certificates to trust",
     .hint = "file on the card (PEM) of whoever has signed the depot's; without it the usual authorities",
     .max = 63,
     .restart = true},
    {.name = "depot.use",
     .kind = FERRY_WEB_CHOICE,
     .label = "The depot decides",
     .hint = "what a target gets (check-in), or which of its jobs are done here",
     .choices = "off|check-in|jobs",
     .restart = true},
    {.name = "depot.project", .kind = FERRY_WEB_TEXT, .label = "Project of targets that are new there", .max = 63},
    {.name = "depot.channel", .kind = FERRY_WEB_TEXT, .label = "Channel of targets that follow none", .max = 63},
    {.name = "depot.cache",
     .kind = FERRY_WEB_NUMBER,
     .label = "Cache on the card",
     .hint = "what was not used for longest goes first",
     .unit = "MB",
     .min = 1,
     .max = 30000},
#endif
#if BLE
    {.name = "ble.target",
     .kind = FERRY_WEB_TEXT,
     .label = "Target on Bluetooth LE",
     .hint = "name of a running receiver, or * for the first that is found, for the target BLE",
     .max = 29},
#endif
#if NOW
    {.name = "now.target",
     .kind = FERRY_WEB_TEXT,
     .label = "Target on ESP-NOW",
     .hint = "MAC of a running receiver, as c4:0a:24:fe:10:01, for the target NOW",
     .max = 17},
    {.name = "now.channel",
     .kind = FERRY_WEB_NUMBER,
     .label = "Channel of ESP-NOW",
     .hint = "where the updater has joined a Wi-Fi network, that network's channel is used",
     .min = 1,
     .max = 14,
     .restart = true},
#endif
#if PINS
    {.name = "pins.wire",
     .kind = FERRY_WEB_CHOICE,
     .label = "Target on two pins",
     .hint = "a UART in software, or clock and data, for the target PINS",
     .choices = "off|uart|two-wire"},
#endif
};
#define COUNT (sizeof rows / sizeof rows[0])

static const char *const initial[] = {
    "ferry", "",       "off",
    "rom",   "921600", "115200",
    "off",
#if WIFI
    "off",   "",       "",
#endif
#if ETHERNET
    "on",    "",
#endif
#if WIFI || ETHERNET
    "",      "",
#endif
#if DEPOT
    "",      "",       "ferry-ca.pem",
    "off",   "",       "stable",
    "256",
#endif
#if BLE
    "",
#endif
#if NOW
    "",      "1",
#endif
#if PINS
    "off",
#endif
};
_Static_assert(sizeof initial / sizeof initial[0] == COUNT, "an initial value for each setting");

static struct ferry_settings_value kept[COUNT], carded[COUNT];
static struct ferry_settings settings = {
    .rows = rows, .initial = initial, .count = COUNT, .kept = kept, .card = carded};
static bool job_marked, job_was_cut;

struct ferry_settings *kept_settings(void)
{
    return &settings;
}

void kept_init(void)
{
    char text[FERRY_SETTINGS_TEXT];
    ferry_settings_init(&settings);
    if (ferry_idf_settings_init(NULL) < 0)
        return;
    for (size_t i = 0; i < COUNT; i++)
        if (ferry_idf_settings_text(rows[i].name, "", text, sizeof text) > 0)
            ferry_settings_keep(&settings, rows[i].name, text, NULL);
    job_marked = job_was_cut = ferry_idf_settings_number(JOB, 0) != 0;
}

int kept_set(const char *name, const char *text, struct ferry_fault *fault)
{
    int status = ferry_settings_keep(&settings, name, text, fault);
    if (status < 0)
        return status;
    size_t i = ferry_settings_find(&settings, name);
    status = text ? ferry_idf_settings_set_text(name, kept[i].text) : ferry_idf_settings_remove(name);
    return status < 0 ? ferry_fault_set(fault, status, name, "the setting cannot be stored") : FERRY_OK;
}

void kept_mark_job(bool writing)
{
    if (writing != job_marked)
        ferry_idf_settings_set_number(JOB, writing);
    job_marked = writing;
}

bool kept_job_was_cut(void)
{
    return job_was_cut;
}
