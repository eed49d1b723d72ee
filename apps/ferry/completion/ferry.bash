# Bash completion for ferry. Options and commands are asked from `ferry` itself, so that they cannot go out of date.
# Install as /usr/share/bash-completion/completions/ferry, or: source ferry.bash

_ferry_commands() {
    "$1" help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

_ferry_options() { # of a command, or of a command and its subcommand
    "$1" $2 --help 2>/dev/null | sed -n 's/^  [^A-Za-z]*\(-[a-z]*, \)\{0,1\} *\(--[a-z-]*\).*/\2/p'
}

# The values an option takes; "files", "ports" or words.
_ferry_values() {
    case ${1//_/-} in
    -p | --port) printf '%s ' ports ;;
    -c | --chip) printf '%s ' auto esp8266 esp32 esp32s2 esp32s3 esp32c2 esp32c3 esp32c5 esp32c6 esp32c61 esp32h2 esp32p4 ;;
    -b | --baud) printf '%s ' 115200 230400 460800 921600 1500000 2000000 ;;
    --before) printf '%s ' default-reset no-reset no-reset-no-sync ;;
    -a | --after) printf '%s ' hard-reset no-reset run ;;
    -fm | --flash-mode) printf '%s ' keep qio qout dio dout ;;
    -ff | --flash-freq) printf '%s ' keep 80m 60m 48m 40m 30m 26m 24m 20m 16m 15m 12m ;;
    -fs | --flash-size) printf '%s ' keep detect 256KB 512KB 1MB 2MB 4MB 8MB 16MB 32MB 64MB 128MB ;;
    -sc | --spi-connection) printf '%s ' SPI HSPI ;;
    --window) printf '%s ' 1 2 ;;
    -t | --trace | --flash | --file | --card | --out | --tls-cert | --tls-key) printf '%s ' files ;;
    --scopes | --anonymous) printf '%s ' read write device work admin ;;
    --state) printf '%s ' queued claimed running done failed cancelled ;;
    --channel) printf '%s ' stable beta ;;
    --route) printf '%s ' auto rom link ;;
    --start-baud) printf '%s ' 115200 460800 921600 ;;
    --from) printf '%s ' depot: https:// ;;
    --depot) printf '%s ' files ;;
    --project | --note | --search | --mac | --days | --keep | --unseen | --limit | --before | --rate | --threads) printf '%s ' any ;;
    --version | --connections | --connections-per-address | --upload-limit | --origin | --host | --name) printf '%s ' any ;;
    --web | --web-token | --every | --partition | --revision | --table-offset | --baud-noise) printf '%s ' any ;;
    --connect-attempts | --listen | --cargo | --probe | --worker | --lease | --pty | --seed | --fault) printf '%s ' any ;;
    esac
}

_ferry_with_sub() { # "depot add" when the word behind depot is one of its commands
    local i
    echo -n "$1"
    [[ $1 == depot ]] || return
    for ((i = 1; i < COMP_CWORD - 1; i++)); do
        [[ ${COMP_WORDS[i]} == depot && ${COMP_WORDS[i + 1]} != -* ]] && echo -n " ${COMP_WORDS[i + 1]}"
    done
}

_ferry_command() { # the first word that is a command
    local word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case " $1 " in *" $word "*)
            echo "$word"
            return
            ;;
        esac
    done
}

_ferry() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
    local commands command values
    commands=$(_ferry_commands "$program" | tr '\n' ' ')
    command=$(_ferry_command "$commands")
    values=$(_ferry_values "$previous")
    COMPREPLY=()
    case $values in
    'ports ') mapfile -t COMPREPLY < <(compgen -W "$("$program" ports 2>/dev/null | sed -n 's/^[* ] \(\/[^ ]*\).*/\1/p') socket:// rfc2217://" -- "$current") ;;
    'files ') mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    'any ') ;;
    ?*) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current") ;;
    *)
        if [[ $current == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_ferry_options "$program" "$(_ferry_with_sub "${command:-flash}")")" -- "$current")
        elif [[ -z $command || $command == help ]]; then
            [[ $command == help ]] && commands+=exit
            mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
        elif [[ $command == depot && $previous == depot ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$("$program" depot --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')" -- "$current")
        elif [[ $command == reg && $previous == reg ]]; then
            mapfile -t COMPREPLY < <(compgen -W 'read write' -- "$current")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
        fi
        ;;
    esac
}

complete -o filenames -o bashdefault -F _ferry ferry
