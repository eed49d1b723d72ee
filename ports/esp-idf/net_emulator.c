// The PHY of the emulator's Ethernet (CONFIG_ETH_USE_OPENETH): IEEE 802.3's registers and nothing else, link always up.
// ESP-IDF's own PHY drivers cannot be relied on here: before 5.4 they come only with the ESP32's EMAC, and from 6.0 on
// only the generic one is there.
#include "sdkconfig.h"

#if defined CONFIG_FERRY_ETHERNET && defined CONFIG_ETH_USE_OPENETH
#include <stdint.h>
#include <stdlib.h>

#include "esp_eth_driver.h"
#include "esp_eth_phy_802_3.h"
#include "ports/esp-idf/net_parts.h"

static esp_err_t init(esp_eth_phy_t *phy)
{
    return esp_eth_phy_802_3_basic_phy_init(esp_eth_phy_into_phy_802_3(phy));
}

static esp_err_t get_link(esp_eth_phy_t *phy)
{
    phy_802_3_t *self = esp_eth_phy_into_phy_802_3(phy);
    esp_eth_mediator_t *eth = self->eth;
    if (self->link_status == ETH_LINK_UP)
        return ESP_OK;
    esp_err_t esp = eth->on_state_changed(eth, ETH_STATE_SPEED, (void *)(intptr_t)ETH_SPEED_100M);
    if (esp == ESP_OK)
        esp = eth->on_state_changed(eth, ETH_STATE_DUPLEX, (void *)(intptr_t)ETH_DUPLEX_FULL);
    if (esp == ESP_OK)
        esp = eth->on_state_changed(eth, ETH_STATE_PAUSE, (void *)0);
    if (esp == ESP_OK)
        esp = eth->on_state_changed(eth, ETH_STATE_LINK, (void *)(intptr_t)ETH_LINK_UP);
    if (esp == ESP_OK)
        self->link_status = ETH_LINK_UP;
    return esp;
}

esp_eth_phy_t *ferry_idf_net_emulator_phy(const eth_phy_config_t *config)
{
    phy_802_3_t *self = calloc(1, sizeof *self);
    if (!self || esp_eth_phy_802_3_obj_config_init(self, config) != ESP_OK) {
        free(self);
        return NULL;
    }
    self->parent.init = init;
    self->parent.get_link = get_link;
    return &self->parent;
}
#endif
