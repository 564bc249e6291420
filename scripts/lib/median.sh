# The median of a column of standard input, the first unless it is named. Sourced; lines without anything do not count.
median() {
    awk -v column="${1:-1}" 'NF { print $column }' | sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
