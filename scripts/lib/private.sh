# Private servers for the scripts, as tests/support starts them for the tests. Sourced, beside lib/cache.sh.
#
#   start_private mysql-9.7 "$folder" [OPTION...]   waits until it answers; sets $private_port
#   stop_private "$folder"                          kills it and removes the folder
#
# A server also ends when the script does, killed too: lib/watch reads the pipe that the script holds.

PRIVATE_START_SECONDS_MAX=60
PRIVATE_PORT_ATTEMPTS_MAX=5
declare -A private_pipe=() private_watch=()
private_port=

# start_private NAME FOLDER [OPTION...]: FOLDER's path is at most 90 bytes long, a socket goes into it.
start_private() {
    local name=$1 folder=$2 attempt
    shift 2
    mkdir -p "$folder"
    for ((attempt = 1; attempt <= PRIVATE_PORT_ATTEMPTS_MAX; attempt++)); do
        private_port=$(free_port)
        start_private_at "$name" "$folder" "$private_port" "$@" && return
        grep -qi 'address already in use' "$folder/server.log" || break
    done
    printf '%s did not start. The end of its log:\n' "$name" >&2
    tail -n 15 "$folder/server.log" >&2
    return 1
}

# start_private_at NAME FOLDER PORT [OPTION...]: a stopped server's folder and port bring that server back.
start_private_at() {
    local name=$1 folder=$2 port=$3 here pipe deadline=$((SECONDS + PRIVATE_START_SECONDS_MAX))
    shift 3
    here=$(dirname "${BASH_SOURCE[0]}")
    : >"$folder/server.log"
    exec {pipe}> >(
        # The other servers' pipes must close when this script closes them, so nobody else may hold them.
        for pipe in "${private_pipe[@]}"; do exec {pipe}>&-; done
        exec "$here/watch" "$folder" "$here/instance" "$name" "$folder" "$port" "$@" >>"$folder/server.log" 2>&1
    )
    private_pipe[$folder]=$pipe
    private_watch[$folder]=$!
    until is_up "$name" "$folder"; do
        if ! kill -0 "${private_watch[$folder]}" 2>/dev/null || ((SECONDS >= deadline)); then return 1; fi
        sleep 0.05
    done
}

is_up() {
    case $1 in
        # These come without programs of their own.
        mysql-8.0 | mysql-5.7) grep -q 'ready for connections' "$2/server.log" ;;
        mysql-9.7) "$ROWTAP_CACHE/mysql-9.7/bin/mysqladmin" --user=root --socket="$2/server.sock" ping >/dev/null 2>&1 ;;
        mariadb-*) "$ROWTAP_CACHE/$1/bin/mariadb-admin" --user=root --socket="$2/server.sock" ping >/dev/null 2>&1 ;;
        kafka-4.3) grep -q 'Kafka Server started' "$2/server.log" ;;
    esac
}

# signal_private FOLDER SIGNAL: TERM or KILL, and waits for the end; start_private_at brings the server back.
signal_private() {
    echo "$2" >&"${private_pipe[$1]}"
    wait "${private_watch[$1]}" 2>/dev/null || true
    forget_private "$1"
}

stop_private() {
    local pipe=${private_pipe[$1]}
    exec {pipe}>&-
    wait "${private_watch[$1]}" 2>/dev/null || true
    forget_private "$1"
}

forget_private() {
    local pipe=${private_pipe[$1]}
    exec {pipe}>&-
    unset "private_pipe[$1]" "private_watch[$1]"
}

# A port that nobody listens on, nor on the next one; below the range that outgoing connections take theirs from.
free_port() {
    local port
    while :; do
        port=$((12000 + (RANDOM << 1 | RANDOM & 1) % 18000))
        is_free "$port" && is_free $((port + 1)) && break
    done
    echo "$port"
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
