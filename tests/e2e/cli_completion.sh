#!/bin/bash
# The bash completion: parses, and offers commands, options, values and files.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
SCRIPT=$ROOT/apps/ferry/completion/ferry.bash
FAILED=0 PASSED=0
bash -n "$SCRIPT" || exit 1
# shellcheck source=/dev/null
source "$SCRIPT"

# offers WANTED WORDS...: completing the last word offers it. refuses: does not.
complete_words() {
    COMP_WORDS=("$FERRY" "$@")
    COMP_CWORD=$#
    _ferry
}
offers() {
    local want=$1
    shift
    complete_words "$@"
    case " ${COMPREPLY[*]} " in *" $want "*) PASSED=$((PASSED + 1)) ;; *)
        FAILED=$((FAILED + 1))
        echo "FAIL: ferry $*: offers '${COMPREPLY[*]}', not '$want'"
        ;;
    esac
}
refuses() {
    local not=$1
    shift
    complete_words "$@"
    case " ${COMPREPLY[*]} " in *" $not "*)
        FAILED=$((FAILED + 1))
        echo "FAIL: ferry $*: offers '$not'"
        ;;
    *) PASSED=$((PASSED + 1)) ;;
    esac
}

offers flash fl
offers run-ram ''
offers vchip v
refuses exit ''
offers exit help e
offers detect help d
offers --port flash --p
offers --no-compress flash --no
refuses --no-compress detect --no
offers --all erase -
offers --yes erase --
offers --trace detect --t
offers esp32c3 flash --chip esp32
offers no-reset --before n
offers 921600 flash -b 9
offers 4MB flash -fs 4
offers read reg r
offers channel depot ch
offers serve depot s
offers --scopes depot token --sc
refuses --scopes depot list --
offers --depot depot list --
offers stable depot list --channel s
offers depot: flash --from d
offers socket:// detect -p s
cd "$ROOT" || exit 1
offers README.md inspect READ
offers --port --port x flash --po
# No option that takes a value offers the files of this folder in its place unless it takes files.
for command in flash verify detect read erase run-ram reg send receive link-test inspect updater vchip \
    'depot add' 'depot list' 'depot get' 'depot channel' 'depot devices' 'depot jobs' 'depot token' 'depot serve'; do
    for option in $("$FERRY" $command --help |
        sed -n 's/^  [^A-Za-z]*\(-[a-z]*, \)\{0,1\} *\(--[a-z-]*\) \[\{0,1\}[A-Z].*/\2/p'); do
        if [ -n "$(_ferry_values "$option")" ]; then
            PASSED=$((PASSED + 1))
        else
            FAILED=$((FAILED + 1))
            echo "FAIL: ferry $command $option: nothing is known of its value"
        fi
    done
done
echo "cli_completion: $PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
