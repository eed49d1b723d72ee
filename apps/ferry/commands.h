// The commands of the command line. One file per command: cmd_NAME.c holds cmd_NAME() and its help text.
//
// A command gets argc and argv with argv[0] = its own name, and returns the exit code of the program: 0, or
// ferry_status_exit_code() of what went wrong (2 for wrong usage). It prints its own help for "--help" and "-h"
// (to stdout, exit code 0); `ferry help NAME` calls it with "--help".
#ifndef FERRY_APP_COMMANDS_H
#define FERRY_APP_COMMANDS_H

struct cli_command {
    const char *name;
    const char *summary; // one line, for `ferry help`
    int (*run)(int argc, char **argv);
};

int cmd_flash(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_detect(int argc, char **argv);
int cmd_read(int argc, char **argv);
int cmd_erase(int argc, char **argv);
int cmd_run_ram(int argc, char **argv);
int cmd_reg(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_receive(int argc, char **argv);
int cmd_link_test(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_ports(int argc, char **argv);
int cmd_updater(int argc, char **argv);
int cmd_depot(int argc, char **argv);
int cmd_vchip(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

// The table, ended by a row whose name is NULL.
const struct cli_command *cli_commands(void);
const struct cli_command *cli_find_command(const char *name); // NULL = none

#endif
