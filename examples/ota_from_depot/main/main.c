// A device that asks a depot every now and then what it should run, and becomes that.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cJSON.h"
#include "esp_app_desc.h"
#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"

enum {
    ANSWER = 4096,      // of a check-in, bytes
    TIMEOUT_MS = 10000, // of a read or a connect
    STALLED_S = 60,     // a download that does not move for so long is given up
};

static const char *TAG = "depot";

// Whom to believe: the certificate in main/depot.pem, or, without that file, the authorities that browsers trust.
#ifdef DEPOT_PEM
extern const char depot_pem[] asm("_binary_depot_pem_start");
#define TRUST .cert_pem = depot_pem
#else
#include "esp_crt_bundle.h"
#define TRUST .crt_bundle_attach = esp_crt_bundle_attach
#endif

static esp_err_t add_bearer(esp_http_client_handle_t client)
{
    if (CONFIG_DEPOT_TOKEN[0] == 0)
        return ESP_OK;
    return esp_http_client_set_header(client, "Authorization", "Bearer " CONFIG_DEPOT_TOKEN);
}

// ---- asking ----

static void add_what_runs(cJSON *json)
{
    const esp_app_desc_t *app = esp_app_get_description();
    uint8_t mac[6] = {0}, sha[32] = {0};
    char text[65];
    esp_efuse_mac_get_default(mac);
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    cJSON_AddStringToObject(json, "mac", text);
    cJSON_AddStringToObject(json, "chip", CONFIG_IDF_TARGET);
    cJSON_AddStringToObject(json, "project", app->project_name);
    cJSON_AddStringToObject(json, "version", app->version);
    cJSON_AddStringToObject(json, "channel", CONFIG_DEPOT_CHANNEL);
    if (esp_partition_get_sha256(esp_ota_get_running_partition(), sha) != ESP_OK)
        return;
    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", sha[i]);
    cJSON_AddStringToObject(json, "sha256", text);
}

static int post(const char *url, const char *body, char *answer)
{
    esp_http_client_config_t config = {.url = url, .method = HTTP_METHOD_POST, .timeout_ms = TIMEOUT_MS, TRUST};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    int length = (int)strlen(body), status = -1;
    if (!client)
        return -1;
    add_bearer(client);
    esp_http_client_set_header(client, "Content-Type", "application/json");
    if (esp_http_client_open(client, length) == ESP_OK && esp_http_client_write(client, body, length) == length &&
        esp_http_client_fetch_headers(client) >= 0) {
        int got = esp_http_client_read_response(client, answer, ANSWER - 1);
        answer[got > 0 ? got : 0] = 0;
        status = esp_http_client_get_status_code(client);
    }
    esp_http_client_cleanup(client);
    return status;
}

// The depot's answer, to be given to cJSON_Delete(); NULL = there is none.
static cJSON *check_in(void)
{
    static char answer[ANSWER];
    cJSON *json = cJSON_CreateObject();
    add_what_runs(json);
    char *body = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    int status = body ? post(CONFIG_DEPOT_URL "/api/v1/checkin", body, answer) : -1;
    free(body);
    if (status == 200)
        return cJSON_Parse(answer);
    ESP_LOGW(TAG, "check-in: %s", status < 0 ? "the depot does not answer" : answer);
    return NULL;
}

// ---- becoming ----

// esp_https_ota() in one call would wait for ever for a server that is there and sends no more.
static esp_err_t fetch(esp_https_ota_handle_t ota)
{
    int64_t moved_us = esp_timer_get_time();
    int before = -1;
    for (;;) {
        esp_err_t error = esp_https_ota_perform(ota);
        if (error != ESP_ERR_HTTPS_OTA_IN_PROGRESS)
            return error;
        int now = esp_https_ota_get_image_len_read(ota);
        if (now != before)
            moved_us = esp_timer_get_time();
        else if (esp_timer_get_time() - moved_us > STALLED_S * 1000000LL)
            return ESP_ERR_TIMEOUT;
        before = now;
    }
}

static esp_err_t update_from(const char *path)
{
    char url[200];
    snprintf(url, sizeof url, "%s%s", CONFIG_DEPOT_URL, path);
    esp_http_client_config_t http = {
        .url = url,
        .timeout_ms = TIMEOUT_MS,
        .keep_alive_enable = true,       // notices a server that went without a word
        .max_authorization_retries = -1, // a token that was refused once is refused
        TRUST,
    };
    esp_https_ota_config_t config = {.http_config = &http, .http_client_init_cb = add_bearer};
    esp_https_ota_handle_t ota = NULL;
    ESP_LOGI(TAG, "fetching %s", url);
    esp_err_t error = esp_https_ota_begin(&config, &ota);
    if (error != ESP_OK)
        return error;
    error = fetch(ota);
    if (error == ESP_OK)
        return esp_https_ota_finish(ota); // image and chip are checked, then the other slot is the one that starts
    esp_https_ota_abort(ota);
    return error;
}

// A firmware on trial that can still ask is good enough to be kept.
static void keep_this_one(void)
{
    esp_ota_img_states_t state;
    if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
        state == ESP_OTA_IMG_PENDING_VERIFY)
        esp_ota_mark_app_valid_cancel_rollback();
}

static void ask_and_follow(void)
{
    cJSON *json = check_in();
    const char *answer = cJSON_GetStringValue(cJSON_GetObjectItem(json, "answer"));
    const cJSON *build = cJSON_GetObjectItem(json, "build");
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItem(build, "url"));
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItem(build, "version"));
    if (answer) {
        ESP_LOGI(TAG, "the depot says: %s %s", answer, version ? version : "");
        keep_this_one();
        if (strcmp(answer, "update") == 0 && path) {
            esp_err_t error = update_from(path);
            if (error == ESP_OK)
                esp_restart();
            ESP_LOGE(TAG, "not updated (%s): what runs stays", esp_err_to_name(error));
        }
    }
    cJSON_Delete(json);
}

static void start_network(void)
{
    esp_err_t error = nvs_flash_init();
    if (error == ESP_ERR_NVS_NO_FREE_PAGES || error == ESP_ERR_NVS_NEW_VERSION_FOUND) {
        ESP_ERROR_CHECK(nvs_flash_erase());
        error = nvs_flash_init();
    }
    ESP_ERROR_CHECK(error);
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
}

void app_main(void)
{
    const esp_app_desc_t *app = esp_app_get_description();
    ESP_LOGI(TAG, "%s %s runs from %s", app->project_name, app->version, esp_ota_get_running_partition()->label);
    start_network();
    for (;;) {
        ask_and_follow();
        vTaskDelay(pdMS_TO_TICKS(CONFIG_DEPOT_INTERVAL_S * 1000));
    }
}
