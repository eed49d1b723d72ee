#include "ports/esp-idf/net.h"
#include "ferry/base/status.h"
#include "ports/esp-idf/net_parts.h"
#include "sdkconfig.h"

#ifdef CONFIG_FERRY_ETHERNET
#include "esp_eth.h"
#include "esp_idf_version.h"
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
#include "esp_eth_mac_openeth.h"
#endif

enum { NEGOTIATION_MS = 100 }; // the emulator has no cable to wait for

#if defined CONFIG_ETH_USE_OPENETH
static esp_eth_mac_t *new_mac(void)
{
    eth_mac_config_t config = ETH_MAC_DEFAULT_CONFIG();
    return esp_eth_mac_new_openeth(&config);
}
#else
static esp_eth_mac_t *new_mac(void)
{
    eth_mac_config_t config = ETH_MAC_DEFAULT_CONFIG();
    eth_esp32_emac_config_t emac = ETH_ESP32_EMAC_DEFAULT_CONFIG();
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 3, 0)
    emac.smi_gpio.mdc_num = CONFIG_FERRY_ETHERNET_MDC;
    emac.smi_gpio.mdio_num = CONFIG_FERRY_ETHERNET_MDIO;
#else
    emac.smi_mdc_gpio_num = CONFIG_FERRY_ETHERNET_MDC;
    emac.smi_mdio_gpio_num = CONFIG_FERRY_ETHERNET_MDIO;
#endif
    return esp_eth_mac_new_esp32(&emac, &config);
}
#endif

// From 5.4 on one driver serves every PHY that keeps to IEEE 802.3; before that each has its own.
static esp_eth_phy_t *new_phy(void)
{
    eth_phy_config_t config = ETH_PHY_DEFAULT_CONFIG();
    config.phy_addr = CONFIG_FERRY_ETHERNET_PHY_ADDRESS;
    config.reset_gpio_num = CONFIG_FERRY_ETHERNET_PHY_RESET;
#ifdef CONFIG_ETH_USE_OPENETH
    config.autonego_timeout_ms = NEGOTIATION_MS;
#endif
#if defined CONFIG_ETH_USE_OPENETH
    return ferry_idf_net_emulator_phy(&config);
#elif ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 4, 0)
    return esp_eth_phy_new_generic(&config);
#elif defined CONFIG_FERRY_ETHERNET_PHY_IP101
    return esp_eth_phy_new_ip101(&config);
#elif defined CONFIG_FERRY_ETHERNET_PHY_RTL8201
    return esp_eth_phy_new_rtl8201(&config);
#elif defined CONFIG_FERRY_ETHERNET_PHY_DP83848
    return esp_eth_phy_new_dp83848(&config);
#elif defined CONFIG_FERRY_ETHERNET_PHY_KSZ80XX
    return esp_eth_phy_new_ksz80xx(&config);
#else
    return esp_eth_phy_new_lan87xx(&config);
#endif
}

static esp_err_t start(esp_netif_t *netif)
{
    esp_eth_handle_t handle = NULL;
    esp_eth_mac_t *mac = new_mac();
    esp_eth_phy_t *phy = new_phy();
    if (!mac || !phy)
        return ESP_ERR_NO_MEM;
    esp_eth_config_t config = ETH_DEFAULT_CONFIG(mac, phy);
    esp_err_t esp = esp_eth_driver_install(&config, &handle);
    if (esp == ESP_OK)
        esp = esp_netif_attach(netif, esp_eth_new_netif_glue(handle));
    return esp == ESP_OK ? esp_eth_start(handle) : esp;
}

int ferry_idf_net_ethernet(const char *address, struct ferry_idf_error *error)
{
    esp_netif_config_t config = ESP_NETIF_DEFAULT_ETH();
    int status = ferry_idf_net_init(error);
    if (status < 0)
        return status;
    esp_netif_t *netif = esp_netif_new(&config);
    if (!netif)
        return ferry_idf_fail(error, FERRY_ERR_NO_MEMORY, ESP_OK, "", "Ethernet");
    status = ferry_idf_net_address(netif, address, error);
    if (status < 0)
        return status;
    esp_err_t esp = start(netif);
    if (esp == ESP_OK)
        return FERRY_OK;
    return ferry_idf_fail(error, FERRY_ERR_WIRE_OPEN, esp,
                          "check the PHY's address, its pins and its clock in menuconfig",
                          "Ethernet cannot be started");
}
#else
int ferry_idf_net_ethernet(const char *address, struct ferry_idf_error *error)
{
    (void)address;
    return ferry_idf_fail(error, FERRY_ERR_UNSUPPORTED, ESP_OK, "set CONFIG_FERRY_ETHERNET",
                          "Ethernet is not in this build");
}
#endif
