#include "ports/esp-idf/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_event.h"
#include "esp_netif.h"
#include "ferry/base/status.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "ports/esp-idf/net_parts.h"
#include "sdkconfig.h"
#if __has_include("mdns.h")
#include "mdns.h"
#endif

enum { LOOK_MS = 50 };

int ferry_idf_net_init(struct ferry_idf_error *error)
{
    esp_err_t esp = esp_netif_init();
    if (esp == ESP_OK)
        esp = esp_event_loop_create_default();
    if (esp == ESP_OK || esp == ESP_ERR_INVALID_STATE) // the application has done it
        return FERRY_OK;
    return ferry_idf_fail(error, FERRY_ERR_NO_MEMORY, esp, "", "the network stack cannot be started");
}

bool ferry_idf_net_ready(char text[16])
{
    esp_netif_t *netif = esp_netif_get_default_netif();
    esp_netif_ip_info_t info;
    bool ready =
        netif && esp_netif_is_netif_up(netif) && esp_netif_get_ip_info(netif, &info) == ESP_OK && info.ip.addr != 0;
    if (text)
        *text = 0;
    if (ready && text)
        snprintf(text, 16, IPSTR, IP2STR(&info.ip));
    return ready;
}

bool ferry_idf_net_wait(uint32_t ms)
{
    for (uint32_t waited = 0; !ferry_idf_net_ready(NULL); waited += LOOK_MS) {
        if (waited >= ms)
            return false;
        vTaskDelay(pdMS_TO_TICKS(LOOK_MS));
    }
    return true;
}

int ferry_idf_net_name(const char *name, uint16_t port, struct ferry_idf_error *error)
{
#if __has_include("mdns.h")
    esp_err_t esp = mdns_init();
    if (esp == ESP_OK)
        esp = mdns_hostname_set(name);
    if (esp == ESP_OK)
        esp = mdns_service_add(NULL, "_ferry", "_tcp", port, NULL, 0);
    if (esp == ESP_OK)
        return FERRY_OK;
    return ferry_idf_fail(error, FERRY_ERR_NO_MEMORY, esp, "", "the name %s.local", name);
#else
    (void)port;
    (void)error;
    (void)name; // no mistake and nothing for the log: the component is optional
    return FERRY_ERR_UNSUPPORTED;
#endif
}

// "192.168.1.5/24,192.168.1.1"
static bool parse(const char *text, esp_netif_ip_info_t *out)
{
    char copy[48], *slash, *comma, *end;
    memset(out, 0, sizeof *out);
    if (strlen(text) >= sizeof copy)
        return false;
    strcpy(copy, text);
    if ((comma = strchr(copy, ',')) != NULL)
        *comma++ = 0;
    if ((slash = strchr(copy, '/')) == NULL)
        return false;
    *slash++ = 0;
    unsigned long bits = strtoul(slash, &end, 10);
    if (end == slash || *end || bits < 1 || bits > 31)
        return false;
    out->netmask.addr = esp_netif_htonl(0xFFFFFFFFu << (32 - bits));
    return esp_netif_str_to_ip4(copy, &out->ip) == ESP_OK &&
           (!comma || esp_netif_str_to_ip4(comma, &out->gw) == ESP_OK);
}

int ferry_idf_net_address(esp_netif_t *netif, const char *address, struct ferry_idf_error *error)
{
    esp_netif_ip_info_t info;
    if (!address || !*address)
        return FERRY_OK;
    if (!parse(address, &info))
        return ferry_idf_fail(error, FERRY_ERR_ARG, ESP_OK, "write 192.168.1.5/24 or 192.168.1.5/24,192.168.1.1",
                              "'%s' is no address", address);
    esp_err_t esp = esp_netif_dhcpc_stop(netif);
    if (esp == ESP_OK || esp == ESP_ERR_ESP_NETIF_DHCP_ALREADY_STOPPED)
        esp = esp_netif_set_ip_info(netif, &info);
    if (esp == ESP_OK)
        return FERRY_OK;
    return ferry_idf_fail(error, FERRY_ERR_ARG, esp, "", "the address %s", address);
}
