#!/bin/bash
# The manual page renders without warnings, and manual page and help know the same options, commands and environment.
set -u
: "${FERRY:?is not set: path of the ferry program}" "${ROOT:?is not set: path of the source tree}"
PAGE=$ROOT/docs/man/ferry.1
FAILED=0

problem() {
    FAILED=$((FAILED + 1))
    echo "FAIL: $*"
}

if command -v mandoc >/dev/null; then
    said=$(mandoc -Tlint -W style "$PAGE" 2>/dev/null | grep -v 'outdated mandoc.db')
    [ -z "$said" ] || problem "mandoc: $said"
fi
commands=$("$FERRY" help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ "$(echo "$commands" | wc -l)" -ge 11 ] || problem "'ferry help' lists only: $commands"
for command in $commands; do
    grep -q "^\.Cm $command" "$PAGE" || problem "the manual page does not know the command $command"
done
options=$(for command in flash verify detect read erase run-ram reg send receive link-test inspect ports updater; do
    "$FERRY" help $command
done
for command in add list show get rm check channel devices jobs token migrate serve; do
    "$FERRY" depot $command --help
done)
options=$(echo "$options" | sed -n 's/^  [^A-Za-z]*\(-[a-z]*, \)\{0,1\} *--\([a-z-]*\).*/\2/p' | sort -u)
[ "$(echo "$options" | wc -l)" -ge 20 ] || problem "the help lists only: $options"
for option in $options; do
    [ "$option" = help ] || grep -q -- "Fl Fl $option" "$PAGE" || problem "the manual page does not know --$option"
done
for option in $(grep -o 'Fl Fl [a-z-]*' "$PAGE" | sed 's/Fl Fl //' | sort -u); do
    case $option in chip | flash | listen | rfc2217) continue ;; esac # of vchip
    echo "$options" | grep -qx -- "$option" || problem "the help does not know --$option of the manual page"
done
wide=$(for command in $commands; do "$FERRY" help "$command"; done | awk 'length($0) > 120')
[ -z "$wide" ] || problem "the help is wider than 120 columns: $wide"
variables=$(grep -rhoE --include='*.c' '"(FERRY|ESPTOOL|XDG)_[A-Z_]+"' "$ROOT/apps/ferry" | tr -d '"' | sort -u)
[ "$(echo "$variables" | wc -l)" -ge 10 ] || problem "the program reads only: $variables"
for variable in $variables; do
    grep -q -- "$variable" "$PAGE" || problem "the manual page does not know the variable $variable"
done
echo "cli_docs: $FAILED failed"
[ $FAILED -eq 0 ]
