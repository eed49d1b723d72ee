#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "board.h"
#include "depot.h"
#include "esp_console.h"
#include "sdkconfig.h"
#include "tell.h"

#define STACK 4096 // bytes, of the console's task

static int order(struct bench_order *what)
{
    if (bench_order(what, true))
        return 0;
    printf("the updater is busy; try again\n");
    return 1;
}

static int wrong(const char *usage)
{
    printf("usage: %s\n", usage);
    return 1;
}

// "T1", "T2", "1", "2"; false = something else.
static bool is_target(const char *word, uint8_t *port)
{
    for (unsigned i = 0; i < BOARD_TARGETS; i++)
        if (strcmp(word, board_target_names[i]) == 0) {
            *port = (uint8_t)i;
            return true;
        }
    return false;
}

// [T1|T2] [FIRMWARE]
static bool take_job(int argc, char **argv, struct bench_order *out)
{
    int i = 1;
    out->port = BENCH_ALL;
    if (i < argc && is_target(argv[i], &out->port))
        i++;
    if (i < argc && strlen(argv[i]) < sizeof out->wish.cargo)
        strcpy(out->wish.cargo, argv[i++]);
    return i == argc;
}

static int cmd_scan(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct bench_order look = {.what = BENCH_LOOK}, list = {.what = BENCH_LIST};
    return order(&look) || order(&list);
}

static int cmd_list(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct bench_order list = {.what = BENCH_LIST};
    return order(&list);
}

static int cmd_detect(int argc, char **argv)
{
    struct bench_order probe = {.what = BENCH_PROBE, .wish.probe = true};
    if (!take_job(argc, argv, &probe) || probe.wish.cargo[0])
        return wrong("detect [T1|T2]");
    return order(&probe);
}

static int cmd_flash(int argc, char **argv)
{
    struct bench_order start = {.what = BENCH_START};
    return take_job(argc, argv, &start) ? order(&start) : wrong("flash [T1|T2] [FIRMWARE]");
}

static int cmd_verify(int argc, char **argv)
{
    struct bench_order start = {.what = BENCH_START, .wish = {.set = true, .verify_only = true}};
    return take_job(argc, argv, &start) ? order(&start) : wrong("verify [T1|T2] [FIRMWARE]");
}

static int cmd_send(int argc, char **argv)
{
    struct bench_order start = {.what = BENCH_START, .wish = {.set = true, .route = FERRY_JOB_ROUTE_LINK}};
    return take_job(argc, argv, &start) ? order(&start) : wrong("send [T1|T2] [FIRMWARE]");
}

static int cmd_abort(int argc, char **argv)
{
    struct bench_order end = {.what = BENCH_ABORT};
    return take_job(argc, argv, &end) && !end.wish.cargo[0] ? order(&end) : wrong("abort [T1|T2]");
}

static int cmd_log(int argc, char **argv)
{
    int lines = argc > 1 ? atoi(argv[1]) : 10;
    struct bench_order log = {.what = BENCH_LOG, .number = (uint16_t)lines};
    return argc <= 2 && lines > 0 ? order(&log) : wrong("log [LINES]");
}

static int cmd_config(int argc, char **argv)
{
    struct bench_order config = {.what = BENCH_CONFIG};
    char *text = config.wish.cargo;
    size_t cap = sizeof config.wish.cargo;
    if (argc > 3 || (argc > 1 && strchr(argv[1], '=')))
        return wrong("config [NAME [VALUE]]   (VALUE \"\" takes it back)");
    int n = argc == 3 ? snprintf(text, cap, "%s=%s", argv[1], argv[2])
                      : snprintf(text, cap, "%s", argc == 2 ? argv[1] : "");
    return n >= 0 && (size_t)n < cap ? order(&config) : wrong("config [NAME [VALUE]]");
}

static int cmd_status(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct bench_order status = {.what = BENCH_STATUS};
    return order(&status);
}

#if CONFIG_FERRY_UPDATER_DEPOT
static int cmd_fetch(int argc, char **argv)
{
    struct bench_order fetch = {.what = BENCH_FETCH};
    if (argc != 2 || !depot_names(argv[1]) || strlen(argv[1]) >= sizeof fetch.wish.cargo)
        return wrong("fetch depot:PROJECT@CHANNEL | URL   (at most 95 characters)");
    strcpy(fetch.wish.cargo, argv[1]);
    return order(&fetch);
}
#endif

static void add_all(void)
{
    static const esp_console_cmd_t commands[] =
    { {.command = "scan", .help = "look at the card again", .func = cmd_scan},
      {.command = "list", .help = "what is on the card", .func = cmd_list},
      {.command = "detect", .help = "[T1|T2]  see which chip is connected; it goes on running", .func = cmd_detect},
      {.command = "flash",
       .help = "[T1|T2] [FIRMWARE]  write what is on the card; FIRMWARE is a name, path or number of \"list\"",
       .func = cmd_flash},
      {.command = "verify", .help = "[T1|T2] [FIRMWARE]  compare only", .func = cmd_verify},
      {.command = "send", .help = "[T1|T2] [FIRMWARE]  update a running target that has a receiver", .func = cmd_send},
#if CONFIG_FERRY_UPDATER_DEPOT
      {.command = "fetch",
       .help = "depot:PROJECT@CHANNEL | URL  fetch it into the card's cache; \"flash\" takes the same",
       .func = cmd_fetch},
#endif
      {.command = "abort", .help = "[T1|T2]  end the job", .func = cmd_abort},
      {.command = "log", .help = "[LINES]  the end of ferry-log.csv", .func = cmd_log},
      {.command = "config", .help = "[NAME [VALUE]]  settings", .func = cmd_config},
      {.command = "status", .help = "card, targets, memory", .func = cmd_status},
    };
    esp_console_register_help_command();
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        esp_console_cmd_register(&commands[i]);
}

void commands_start(void)
{
    esp_console_repl_t *repl = NULL;
    esp_console_repl_config_t cfg = ESP_CONSOLE_REPL_CONFIG_DEFAULT();
    cfg.prompt = "ferry>";
    cfg.task_stack_size = STACK;
    cfg.max_cmdline_length = 200;
#if CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG
    esp_console_dev_usb_serial_jtag_config_t device = ESP_CONSOLE_DEV_USB_SERIAL_JTAG_CONFIG_DEFAULT();
    esp_err_t error = esp_console_new_repl_usb_serial_jtag(&device, &cfg, &repl);
#elif CONFIG_ESP_CONSOLE_USB_CDC
    esp_console_dev_usb_cdc_config_t device = ESP_CONSOLE_DEV_CDC_CONFIG_DEFAULT();
    esp_err_t error = esp_console_new_repl_usb_cdc(&device, &cfg, &repl);
#else
    esp_console_dev_uart_config_t device = ESP_CONSOLE_DEV_UART_CONFIG_DEFAULT();
    esp_err_t error = esp_console_new_repl_uart(&device, &cfg, &repl);
#endif
    add_all();
    if (error != ESP_OK || esp_console_start_repl(repl) != ESP_OK)
        printf("the console cannot be started: %s\n", esp_err_to_name(error));
}
