#include "apps/ferry/cmd_updater_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ferry/base/status.h"
#include "ports/posix/number.h"

void cmd_updater_tell_refused(struct cli_display *display, const struct ferry_cargo_list *list)
{
    for (size_t i = 0; i < list->refused_count; i++) {
        const struct ferry_fault *fault = &list->refused[i];
        char text[600];
        snprintf(text, sizeof text, "not used: %s%s%s", fault->what, fault->where[0] ? ": " : "", fault->where);
        cli_display_warning(display, text);
    }
    if (list->refused_more)
        cli_display_line(display, "... and %zu more files that cannot be used", list->refused_more);
    if (list->more)
        cli_display_line(display, "... and %zu more cargoes than can be listed", list->more);
}

int cmd_updater_ask(struct ferry_card *card, bool may_ask, struct ferry_fault *fault)
{
    size_t index = 0;
    char line[32];
    if (!may_ask || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return ferry_card_pick(card, NULL, &index, fault);
    printf("There are several firmwares on the card:\n");
    for (size_t i = 0; i < card->list.count; i++) {
        const struct ferry_cargo *cargo = &card->list.items[i];
        printf("  %2zu  %s%s%s  (%s)\n", i + 1, cargo->name, cargo->version[0] ? " " : "", cargo->version,
               ferry_card_shown(card, cargo));
    }
    for (;;) {
        uint32_t number = 0;
        printf("Which one? [1-%zu] ", card->list.count);
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return ferry_card_pick(card, NULL, &index, fault);
        line[strcspn(line, "\r\n")] = 0;
        if (ferry_posix_number_in(line, 1, (uint32_t)card->list.count, &number))
            break;
    }
    ferry_card_want(card, (size_t)(uint32_t)strtoul(line, NULL, 0) - 1);
    return FERRY_OK;
}
