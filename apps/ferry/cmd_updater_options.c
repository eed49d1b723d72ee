#include "apps/ferry/cmd_updater_options.h"

#include <string.h>

const struct cli_help cmd_updater_help = {
    .usage = "--card DIR [--port PORT ...] [OPTIONS]",
    .about =
        "Flashes what lies on a card to one or many targets at once, from one read of the card.\n"
        "\n"
        "Finds the firmware on the card by itself, checks everything before anything is erased, has the target prove\n"
        "what was written, and resumes what was interrupted. Each target gets a line in ferry-log.csv on the card.\n"
        "A target whose firmware contains a receiver takes the application over any wire, while it runs; any other is\n"
        "written by its serial loader, where the port has reset lines (--route; ferry.json: {\"route\": \"rom\"}).\n"
        "\n"
        "  --card DIR                   the card: a folder with firmware\n"
        "  --port PORT                  as often as there are targets\n"
        "  --cargo NAME                 which firmware, when the card holds several (a name, or a path on the card);\n"
        "                               {\"cargo\": \"NAME\"} in ferry.json on the card says the same\n"
        "  --wait                       stay, and flash whatever is connected next, until Ctrl-C\n"
        "  --probe SECONDS              with --wait: how often to look whether a target that is done has gone (3).\n"
        "                               To look means to say hello, or to reset it into its loader and back\n"
        "  --web [ADDRESS:]PORT         a page and an API there: what is on the card, jobs, history, uploads. Targets "
        "are\n"
        "                               flashed when somebody asks for it there; with --wait also by themselves.\n"
        "                               ADDRESS is 127.0.0.1 unless given, :PORT is all addresses\n"
        "  --web-token TOKEN            what the page asks for; else FERRY_WEB_TOKEN; else, on a network, a random "
        "one\n"
        "  --depot URL                  a `ferry depot serve`; its token is FERRY_TOKEN. With --web: the page also "
        "offers\n"
        "                               what it has. With --work: whose jobs\n"
        "  --work                       claim the jobs that the depot has for the targets on these ports, do them and\n"
        "                               report, until Ctrl-C. The card is for the log, firmware comes from the depot\n"
        "  --worker NAME                with --work: who claims (this computer's name)\n"
        "  --lease SECONDS              with --work: how long a claim lasts without a report (60)\n"
        "  --once                       with --work: until there is no job left",
    .examples = "  ferry updater --card /media/sd --port /dev/ttyUSB0\n"
                "  ferry updater --card /media/sd --port /dev/ttyUSB0 --port /dev/ttyUSB1 --wait\n"
                "  ferry updater --card firmware/ --cargo sensor --port rfc2217://bench:4000 --json\n"
                "  ferry updater --card firmware/ --port socket://10.0.0.7:3232 --port 'udp://10.0.0.8:3232?mtu=250'\n"
                "  ferry updater --card log/ --port /dev/ttyUSB0 --depot https://depot.local:8470 --work\n",
    .groups = CLI_OPT_OUTPUT | CLI_OPT_PORT | CLI_OPT_FLASH | CLI_OPT_WRITE | CLI_OPT_CARGO,
};

const char *cmd_updater_value(const char *name, int argc, char **argv, int *i, bool *missing)
{
    size_t len = strlen(name);
    const char *word = argv[*i];
    if (strncmp(word, name, len) != 0 || (word[len] != 0 && word[len] != '='))
        return NULL;
    if (word[len] == '=')
        return word + len + 1;
    *missing = *i + 1 >= argc;
    return *missing ? "" : argv[++*i];
}
