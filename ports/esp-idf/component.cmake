# The ESP-IDF component `ferry`: the library and this port. Included by the CMakeLists.txt of the repository's root (a
# component called after its folder) and by components/ferry here (a component that is called ferry wherever the
# repository lies).
get_filename_component(FERRY_ROOT ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(FERRY_PORT ${CMAKE_CURRENT_LIST_DIR})

file(GLOB_RECURSE ferry_sources ${FERRY_ROOT}/src/*.c)
set(ferry_port_names
    ble ble_client ble_server clock digest error espnow file flash lines net net_emulator net_ethernet net_wifi
    packet_queue pins settings socket tcp uart udp receiver/receiver receiver/receiver_sink receiver/receiver_wire)
foreach(name ${ferry_port_names})
  list(APPEND ferry_sources ${FERRY_PORT}/${name}.c)
endforeach()

# Requirements cannot depend on Kconfig (ESP-IDF expands them before it is read). These are in every build anyway; radio
# and Ethernet are asked for below, after Kconfig, and only where it wants them.
set(ferry_requires app_update bootloader_support esp_app_format esp_event esp_hw_support esp_netif esp_partition
    esp_timer freertos lwip mbedtls nvs_flash spi_flash vfs)
if("${IDF_VERSION_MAJOR}.${IDF_VERSION_MINOR}" VERSION_GREATER_EQUAL "5.3")
  list(APPEND ferry_requires esp_driver_gpio esp_driver_gptimer esp_driver_uart)
else()
  list(APPEND ferry_requires driver)
endif()

idf_component_register(SRCS ${ferry_sources} INCLUDE_DIRS ${FERRY_ROOT} ${FERRY_ROOT}/src ${FERRY_PORT}/receiver
                       REQUIRES freertos lwip PRIV_REQUIRES ${ferry_requires})

if(CONFIG_FERRY_WIFI)
  idf_component_optional_requires(PRIVATE esp_wifi)
endif()
if(CONFIG_FERRY_BLE)
  idf_component_optional_requires(PRIVATE bt)
endif()
if(CONFIG_FERRY_ETHERNET)
  idf_component_optional_requires(PRIVATE esp_eth)
endif()
idf_component_optional_requires(PRIVATE mdns espressif__mdns)
