#include "apps/ferry/cmd_updater_options.h"

#include <string.h>

const struct cli_help cmd_updater_help = {
    .usage = "--card DIR [--port PORT ...] [OPTIONS]\n       ferry updater --depot URL --check-in | --work [--port "
             "PORT ...] [OPTIONS]",
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
        "  --tls-cert FILE              with --web: https; certificate (chain) in PEM, with\n"
        "  --tls-key FILE               its key\n"
        "  --tls-self-signed            with --web: https with a certificate of its own, made once and kept in "
        "$FERRY_TLS\n"
        "                               (~/.local/share/ferry/tls)\n"
        "  --depot URL                  a `ferry depot serve`; its token is FERRY_TOKEN. With --web: the page also "
        "offers\n"
        "                               what it has. With --check-in and --work: who says what is flashed; the card "
        "is\n"
        "                               for log and journal then, and may be left out (~/.local/state/ferry)\n"
        "  --check-in                   ask the depot about each target what it should run, and bring that to those "
        "that\n"
        "                               run something else; with --wait about whatever is connected next\n"
        "  --project PROJECT[@CHANNEL]  with --check-in: for targets that are blank or run nothing the depot knows; "
        "the\n"
        "                               channel (stable) is for all that follow none yet, and stays theirs in the "
        "depot\n"
        "  --every SECONDS              with --check-in --wait: how often to ask again about one that stays (60)\n"
        "  --work                       claim the jobs that the depot has for the targets on these ports, do them and\n"
        "                               report, until Ctrl-C; with --wait also for targets that come and go\n"
        "  --worker NAME                with --work: who claims (this computer's name)\n"
        "  --lease SECONDS              with --work: how long a claim lasts without a report (60)\n"
        "  --once                       with --work: until there is no job left; with --wait targets are waited for "
        "first",
    .examples = "  ferry updater --card /media/sd --port /dev/ttyUSB0\n"
                "  ferry updater --card /media/sd --port /dev/ttyUSB0 --port /dev/ttyUSB1 --wait\n"
                "  ferry updater --card firmware/ --cargo sensor --port rfc2217://bench:4000 --json\n"
                "  ferry updater --card firmware/ --port socket://10.0.0.7:3232 --port 'udp://10.0.0.8:3232?mtu=250'\n"
                "  ferry updater --port /dev/ttyUSB0 --depot https://depot.local:8470 --check-in --project blink\n"
                "  ferry updater --port /dev/ttyUSB0 --depot https://depot.local:8470 --work --web 8080\n",
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
