#include "ferry/base/status.h"
#include "ports/esp-idf/net.h"
#include "sdkconfig.h"

#ifdef CONFIG_FERRY_WIFI
#include <string.h>

#include "esp_event.h"
#include "esp_netif.h"
#include "esp_wifi.h"

enum { PASSWORD_MIN = 8, CLIENTS = 4 };

static bool joined; // written by the event task only

static void on_event(void *ctx, esp_event_base_t base, int32_t id, void *data)
{
    (void)ctx;
    (void)data;
    if (base == WIFI_EVENT && id == WIFI_EVENT_STA_CONNECTED)
        joined = true;
    if (base == WIFI_EVENT && id == WIFI_EVENT_STA_DISCONNECTED)
        joined = false;
    if (base == WIFI_EVENT && (id == WIFI_EVENT_STA_START || id == WIFI_EVENT_STA_DISCONNECTED))
        (void)esp_wifi_connect(); // the driver itself waits between attempts
}

static esp_err_t start(wifi_mode_t mode, wifi_interface_t interface, wifi_config_t *config)
{
    wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
    esp_err_t esp = esp_wifi_init(&init);
    if (esp == ESP_OK)
        esp = esp_wifi_set_storage(WIFI_STORAGE_RAM); // the settings are kept elsewhere
    if (esp == ESP_OK)
        esp = esp_wifi_set_mode(mode);
    if (esp == ESP_OK && config)
        esp = esp_wifi_set_config(interface, config);
    return esp == ESP_OK ? esp_wifi_start() : esp;
}

static int told(esp_err_t esp, const char *what, struct ferry_idf_error *error)
{
    if (esp == ESP_OK)
        return FERRY_OK;
    return ferry_idf_fail(error, esp == ESP_ERR_NO_MEM ? FERRY_ERR_NO_MEMORY : FERRY_ERR_WIRE_OPEN, esp,
                          "was nvs_flash_init() called, and is Wi-Fi started only once?", "%s", what);
}

static int check(const char *ssid, const char *password, struct ferry_idf_error *error)
{
    size_t name = ssid ? strlen(ssid) : 0, word = password ? strlen(password) : 0;
    if (name >= 1 && name <= 32 && (word == 0 || (word >= PASSWORD_MIN && word <= 63)))
        return FERRY_OK;
    return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "a name of 1 to 32 characters, a password of 8 to 63 or none",
                          "Wi-Fi '%s'", ssid ? ssid : "");
}

int ferry_idf_wifi_join(const char *ssid, const char *password, struct ferry_idf_error *error)
{
    wifi_config_t config = {0};
    int status = check(ssid, password, error);
    if (status >= 0)
        status = ferry_idf_net_init(error);
    if (status < 0)
        return status;
    memcpy(config.sta.ssid, ssid, strlen(ssid));
    if (password)
        memcpy(config.sta.password, password, strlen(password));
    config.sta.threshold.authmode = password && *password ? WIFI_AUTH_WPA2_PSK : WIFI_AUTH_OPEN;
    if (!esp_netif_create_default_wifi_sta())
        return told(ESP_ERR_NO_MEM, "Wi-Fi station", error);
    esp_err_t esp = esp_event_handler_instance_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_event, NULL, NULL);
    return told(esp == ESP_OK ? start(WIFI_MODE_STA, WIFI_IF_STA, &config) : esp, "Wi-Fi station", error);
}

int ferry_idf_wifi_serve(const char *ssid, const char *password, uint8_t channel, struct ferry_idf_error *error)
{
    wifi_config_t config = {0};
    int status = check(ssid, password, error);
    if (status >= 0)
        status = ferry_idf_net_init(error);
    if (status < 0)
        return status;
    memcpy(config.ap.ssid, ssid, strlen(ssid));
    config.ap.ssid_len = (uint8_t)strlen(ssid);
    if (password)
        memcpy(config.ap.password, password, strlen(password));
    config.ap.authmode = password && *password ? WIFI_AUTH_WPA2_PSK : WIFI_AUTH_OPEN;
    config.ap.channel = channel ? channel : 1;
    config.ap.max_connection = CLIENTS;
    if (!esp_netif_create_default_wifi_ap())
        return told(ESP_ERR_NO_MEM, "Wi-Fi access point", error);
    return told(start(WIFI_MODE_AP, WIFI_IF_AP, &config), "Wi-Fi access point", error);
}

int ferry_idf_wifi_radio(uint8_t channel, struct ferry_idf_error *error)
{
    int status = ferry_idf_net_init(error);
    if (status < 0)
        return status;
    esp_err_t esp = start(WIFI_MODE_STA, WIFI_IF_STA, NULL);
    if (esp == ESP_OK)
        esp = esp_wifi_set_channel(channel ? channel : 1, WIFI_SECOND_CHAN_NONE);
    return told(esp, "Wi-Fi radio", error);
}

int ferry_idf_wifi_rssi(void)
{
    wifi_ap_record_t record;
    return joined && esp_wifi_sta_get_ap_info(&record) == ESP_OK ? record.rssi : 0;
}
#else
static int none(struct ferry_idf_error *error)
{
    return ferry_idf_fail(error, FERRY_ERR_UNSUPPORTED, ESP_OK, "set CONFIG_FERRY_WIFI", "Wi-Fi is not in this build");
}

int ferry_idf_wifi_join(const char *ssid, const char *password, struct ferry_idf_error *error)
{
    (void)ssid;
    (void)password;
    return none(error);
}

int ferry_idf_wifi_serve(const char *ssid, const char *password, uint8_t channel, struct ferry_idf_error *error)
{
    (void)ssid;
    (void)password;
    (void)channel;
    return none(error);
}

int ferry_idf_wifi_radio(uint8_t channel, struct ferry_idf_error *error)
{
    (void)channel;
    return none(error);
}

int ferry_idf_wifi_rssi(void)
{
    return 0;
}
#endif
