# Where the real servers lie. Sourced by the scripts; changes nothing and needs no network.

ROWTAP_CACHE=${ROWTAP_CACHE:-$HOME/.cache/rowtap}

# mysqld and mariadbd run as root only when told to.
AS_ROOT=()
if ((EUID == 0)); then AS_ROOT=(--user=root); fi

# stamp_value SERVER KEY: a line of a server's stamp, empty where the server is not in the cache.
stamp_value() { sed -n "s/^$2=//p" "$ROWTAP_CACHE/$1/stamp" 2>/dev/null || true; }

# cache_env: assignments for `eval` or `source`.
cache_env() {
    printf '%s=%q\n' ROWTAP_CACHE "$ROWTAP_CACHE" \
        ROWTAP_MYSQL_9_7 "$ROWTAP_CACHE/mysql-9.7" \
        ROWTAP_MYSQL_8_0 "$ROWTAP_CACHE/mysql-8.0" \
        ROWTAP_MYSQL_5_7 "$ROWTAP_CACHE/mysql-5.7" \
        ROWTAP_MARIADB_11_8 "$ROWTAP_CACHE/mariadb-11.8" \
        ROWTAP_MARIADB_10_11 "$ROWTAP_CACHE/mariadb-10.11" \
        ROWTAP_KAFKA_4_3 "$ROWTAP_CACHE/kafka-4.3"
}
