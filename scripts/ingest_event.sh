#!/usr/bin/env bash
# Posts an event to the scheduler with curl, and prints its answer: which runs follow.
set -euo pipefail

readonly REFUSED=1 BAD_INPUT=2 UNREACHABLE=3

usage() {
    cat <<'HELP'
usage: ingest_event.sh TYPE [options]
       ingest_event.sh --file FILE [--tries N] [--timeout SECONDS]

Posts an event to the scheduler with curl, and prints its answer: which runs follow.

  TYPE                   the event's type, such as order.created
  --payload JSON         what the event says
  --payload-file FILE    the same from a file; -: stdin
  --source TEXT          who it comes from, such as /shop
  --subject TEXT         what it is about, such as an order's number
  --dedupe-key KEY       the same key: the same event (default: a random one)
  --occurred-at TIME     RFC 3339, with its offset from UTC
  --file FILE            whole events (JSON, one or a list) as they stand; -: stdin. Give each its
                         own dedupe_key: without one a second try may make a second event
  --tries N              at most (default: 5; failures of the network, 429 and 5xx)
  --timeout SECONDS      of each try (default: 10)

environment:
  SCHEDULER_URL               where the scheduler's web process is
                              (default: http://127.0.0.1:8000)
  SCHEDULER_EVENTS_API_TOKEN  the secret of a token with the scope events:write; it is never
                              taken from, nor put on, a command line

examples:
  ingest_event.sh order.created --payload '{"id": 42, "total": 1200}'
  ingest_event.sh order.created --source /shop --dedupe-key order-42

exit codes:
  0  taken now or before; the answer is on standard output
  1  refused (4xx); the reason is on standard error
  2  bad arguments, no token, or no curl
  3  the scheduler did not answer, or failed (5xx), at every try
HELP
}

fail() {
    printf 'ingest_event.sh: %s\n' "$2" >&2
    exit "$1"
}

# A text as a JSON string. Control characters have no place in any of these fields.
quoted() {
    local text=$2
    [[ $text != *[[:cntrl:]]* ]] || fail $BAD_INPUT "$1 holds control characters."
    text=${text//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

random_key() {
    if [[ -r /proc/sys/kernel/random/uuid ]]; then
        cat /proc/sys/kernel/random/uuid
    else
        uuidgen
    fi
}

content_of() {
    if [[ $1 == - ]]; then cat; else cat -- "$1" || fail $BAD_INPUT "$1 cannot be read."; fi
}

type='' payload='' payload_file='' file='' tries=5 timeout=10
declare -A fields=()
while (($#)); do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --payload | --payload-file | --source | --subject | --dedupe-key | --occurred-at | --file | --tries | --timeout)
            (($# > 1)) || fail $BAD_INPUT "$1 needs a value; see --help."
            case $1 in
                --payload) payload=$2 ;;
                --payload-file) payload_file=$2 ;;
                --source) fields[source]=$2 ;;
                --subject) fields[subject]=$2 ;;
                --dedupe-key) fields[dedupe_key]=$2 ;;
                --occurred-at) fields[occurred_at]=$2 ;;
                --file) file=$2 ;;
                --tries) tries=$2 ;;
                --timeout) timeout=$2 ;;
            esac
            shift 2
            ;;
        -*) fail $BAD_INPUT "there is no option $1; see --help." ;;
        *)
            [[ -z $type ]] || fail $BAD_INPUT "give one type; see --help."
            type=$1
            shift
            ;;
    esac
done

command -v curl >/dev/null || fail $BAD_INPUT "curl is not installed; ingest_event.py needs none."
token=${SCHEDULER_EVENTS_API_TOKEN:-}
[[ -n $token ]] || fail $BAD_INPUT "SCHEDULER_EVENTS_API_TOKEN is not set; scheduler_token create makes a token."
[[ $token != *[[:cntrl:]]* ]] || fail $BAD_INPUT "SCHEDULER_EVENTS_API_TOKEN holds control characters."
[[ $tries =~ ^[1-9][0-9]*$ ]] || fail $BAD_INPUT "--tries takes a whole number from 1 on."
[[ $timeout =~ ^[0-9]+([.][0-9]+)?$ ]] || fail $BAD_INPUT "--timeout takes a number of seconds."
url=${SCHEDULER_URL:-http://127.0.0.1:8000}
[[ $url =~ ^https?://[^[:space:]]+$ ]] || fail $BAD_INPUT "SCHEDULER_URL is no URL; write http://host:port or https://host."

if [[ -n $file ]]; then
    [[ -z $type ]] || fail $BAD_INPUT "give a type or --file, not both."
    body=$(content_of "$file")
else
    [[ -n $type ]] || fail $BAD_INPUT "give the event's type, or --file; see --help."
    [[ -z $payload || -z $payload_file ]] || fail $BAD_INPUT "give --payload or --payload-file, not both."
    [[ -z $payload_file ]] || payload=$(content_of "$payload_file")
    : "${fields[dedupe_key]:=$(random_key)}"
    body="{\"type\":$(quoted TYPE "$type")"
    for name in "${!fields[@]}"; do
        body+=",\"$name\":$(quoted "--$name" "${fields[$name]}")"
    done
    [[ -z $payload ]] || body+=",\"payload\":$payload"
    body+='}'
fi

# The header goes to curl by its configuration on a pipe: arguments can be read by others.
header=${token//\\/\\\\}
header=${header//\"/\\\"}
answer=$(mktemp)
trap 'rm -f -- "$answer"' EXIT

for ((try = 1; try <= tries; try++)); do
    status=$(
        curl --silent --output "$answer" --write-out '%{http_code}' --max-time "$timeout" \
            --header 'Content-Type: application/json' --data-binary @- \
            --config <(printf 'header = "X-Scheduler-Token: %s"\n' "$header") \
            "${url%/}/api/events/ingest/" <<<"$body"
    ) || status=000
    case $status in
        2??)
            cat -- "$answer"
            printf '\n'
            exit 0
            ;;
        000) reason="${url%/} did not answer" ;;
        *)
            reason=$(sed -n 's/.*"detail": "\(\([^"\\]\|\\.\)*\)".*/\1/p' "$answer" | head -n 1)
            reason=${reason:-"${url%/} answered $status"}
            [[ $status == 429 || $status == 5?? ]] || fail $REFUSED "$reason"
            ;;
    esac
    if ((try < tries)); then
        wait=$((2 ** (try - 1) < 30 ? 2 ** (try - 1) : 30))
        printf 'try %d: %s; again in %d s\n' "$try" "$reason" "$wait" >&2
        sleep "$wait"
    fi
done
fail $UNREACHABLE "$reason"
