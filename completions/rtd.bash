# bash completion of rtd, made by `rtd generate bash`; the tests compare it.

_rtd_words() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
_rtd_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); }
_rtd_directories() {
    compopt -o filenames
    COMPREPLY=($(compgen -d -- "$current"))
}
# Only a server that runs is asked; completion starts none.
_rtd_topics() {
    _rtd_words "$(
        RTD_AUTOSTART=0 rtd query --format tsv 'SHOW TOPICS' 2>/dev/null |
            tail -n +2 | cut -f 1
    )"
}

_rtd() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    # --option=value comes as three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if ((COMP_CWORD == 1)); then
        _rtd_words "serve produce consume query cdc bench help --help --version"
        return
    fi
    case ${COMP_WORDS[1]} in
        help) _rtd_words "serve produce consume query cdc bench" ;;
        serve)
            case $previous in
                --kafka) return ;;
                --advertise) return ;;
                --port-file) _rtd_files; return ;;
                --tls-certificate) _rtd_files; return ;;
                --tls-key) _rtd_files; return ;;
                --tls-client-ca) _rtd_files; return ;;
                --data) _rtd_directories; return ;;
                --memory) return ;;
                -X | --property) return ;;
                -F | --property-file) _rtd_files; return ;;
                --add-user) return ;;
                --password-file) _rtd_files; return ;;
                --remove-user) return ;;
            esac
            if [[ $current == -* ]]; then
                _rtd_words "--kafka --advertise --insecure-listen --port-file --auth --tls-certificate --tls-key --tls-client-ca --data --ephemeral --memory --property --property-file --upgrade --detach --status --all --stop --add-user --password-file --remove-user --users --check --trace --quiet --verbose --help"
            fi
            ;;
        produce)
            case $previous in
                -t | --topic) _rtd_topics; return ;;
                --format) _rtd_words "lines json csv length-prefixed"; return ;;
                -f | --template) return ;;
                -D | --delimiter) return ;;
                -K | --key-delimiter) return ;;
                --key-json-path) return ;;
                --max-line) return ;;
                -m | --message) return ;;
                -k | --key) return ;;
                -H | --header) return ;;
                -p | --partition) return ;;
                --partitions) return ;;
                --acks) _rtd_words "0 1 all"; return ;;
                --txn) return ;;
                --txn-every) return ;;
                --linger) return ;;
                --batch-bytes) return ;;
                -z | --compression) _rtd_words "none gzip snappy lz4 zstd"; return ;;
                -c | --count) return ;;
                --timeout) return ;;
                --on-error) _rtd_words "fail skip"; return ;;
                -b | --broker) return ;;
                --data) _rtd_directories; return ;;
                --retry) return ;;
                -X | --property) return ;;
                -F | --property-file) _rtd_files; return ;;
            esac
            if [[ $current == -* ]]; then
                _rtd_words "--topic --format --json --lines --length-prefixed --template --delimiter --zero-terminated --key-delimiter --key-json-path --json-value --skip-empty --max-line --message --key --header --empty-as-null --partition --keep-partition --partitions --acks --idempotent --no-idempotent --txn --txn-every --linger --batch-bytes --compression --count --timeout --on-error --tee --report --dry-run --unbuffered --explain --broker --data --retry --property --property-file --quiet --verbose --progress --no-progress --help"
            elif ((COMP_CWORD == 2)); then
                _rtd_topics
            else
                _rtd_files
            fi
            ;;
        consume)
            case $previous in
                -t | --topic) _rtd_topics; return ;;
                -r | --regex) return ;;
                -o | --offset) _rtd_words "beginning end stored"; return ;;
                -p | --partition) return ;;
                -g | --group) return ;;
                --protocol) _rtd_words "classic consumer share"; return ;;
                --ack) _rtd_words "accept release reject"; return ;;
                -c | --count) return ;;
                --timeout) return ;;
                --isolation) _rtd_words "read_uncommitted read_committed"; return ;;
                --on-error) _rtd_words "fail skip"; return ;;
                --format) _rtd_words "lines json raw length-prefixed"; return ;;
                -f | --template) return ;;
                -D | --delimiter) return ;;
                -K | --key-delimiter) return ;;
                --exec) return ;;
                --to) _rtd_topics; return ;;
                --txn) return ;;
                --txn-every) return ;;
                -b | --broker) return ;;
                --data) _rtd_directories; return ;;
                --retry) return ;;
                -X | --property) return ;;
                -F | --property-file) _rtd_files; return ;;
            esac
            if [[ $current == -* ]]; then
                _rtd_words "--topic --regex --offset --exit-at-end --follow --partition --group --protocol --ack --count --timeout --wait --explain --isolation --on-error --format --json --template --raw --length-prefixed --delimiter --zero-terminated --key-delimiter --headers --show-null --json-value --unbuffered --exec --to --txn --txn-every --broker --data --retry --property --property-file --quiet --verbose --progress --no-progress --help"
            else
                _rtd_topics
            fi
            ;;
        query)
            case $previous in
                -c | --command) return ;;
                -f | --file) _rtd_files; return ;;
                --format) _rtd_words "table json csv tsv debezium upsert chart none"; return ;;
                --null) return ;;
                --param) return ;;
                --timeout) return ;;
                -i | --input) _rtd_words "json csv tsv lines logfmt"; return ;;
                --on-error) _rtd_words "fail skip"; return ;;
                --time) return ;;
                --delay) return ;;
                --idle) return ;;
                --memory) return ;;
                --state-ttl) return ;;
                --temp) _rtd_directories; return ;;
                --state) _rtd_directories; return ;;
                -b | --broker) return ;;
                --data) _rtd_directories; return ;;
                --retry) return ;;
                -X | --property) return ;;
                -F | --property-file) _rtd_files; return ;;
            esac
            if [[ $current == -* ]]; then
                _rtd_words "--command --file --format --null --no-header --param --timeout --input --on-error --follow --strict --time --delay --idle --verify --explain-wait --memory --state-ttl --temp --state --broker --data --retry --property --property-file --quiet --verbose --progress --no-progress --help"
            fi
            ;;
        cdc)
            case $previous in
                --snapshot) _rtd_words "initial never only always"; return ;;
                --snapshot-workers) return ;;
                --until) return ;;
                --backfill) return ;;
                --slot) return ;;
                --publication) return ;;
                --password-file) _rtd_files; return ;;
                --max-wal) return ;;
                --tables) return ;;
                --exclude) return ;;
                --drop-tables) return ;;
                --where) return ;;
                --key) return ;;
                --mask) return ;;
                --image) _rtd_words "keys new old both"; return ;;
                --to) _rtd_files; return ;;
                --format) _rtd_words "debezium avro flat maxwell wal2json sql csv none"; return ;;
                --outbox) return ;;
                --metrics) return ;;
                --topic-prefix) return ;;
                --partitions) return ;;
                -X | --property) return ;;
                --memory) return ;;
                --emit) return ;;
                --drop) return ;;
                -b | --broker) return ;;
                --data) _rtd_directories; return ;;
                --retry) return ;;
                -F | --property-file) _rtd_files; return ;;
            esac
            if [[ $current == -* ]]; then
                _rtd_words "--snapshot --snapshot-workers --until --backfill --slot --two-phase --publication --password-file --max-wal --tables --exclude --drop-tables --where --key --mask --fill-unchanged --image --to --format --schemas --schema-changes --ddl --outbox --metrics --insecure-listen --topic-prefix --partitions --property --check --verify --memory --slots --request --cancel --pause --resume --emit --drop --broker --data --retry --property-file --quiet --verbose --progress --no-progress --help"
            fi
            ;;
        bench)
            case $previous in
                --size) return ;;
                --payload-file) _rtd_files; return ;;
                --random-ratio) return ;;
                -c | --count) return ;;
                --duration) return ;;
                --rate) return ;;
                --warmup) return ;;
                --producers) return ;;
                --consumers) return ;;
                --topics) return ;;
                --partitions) return ;;
                --acks) _rtd_words "0 1 all"; return ;;
                --linger) return ;;
                --batch-bytes) return ;;
                -z | --compression) _rtd_words "none gzip snappy lz4 zstd"; return ;;
                --txn-every) return ;;
                --data-set) _rtd_directories; return ;;
                --seed) return ;;
                --source) return ;;
                --sweep) return ;;
                --histogram-file) _rtd_files; return ;;
                --compare) return ;;
                -b | --broker) return ;;
                --data) _rtd_directories; return ;;
                --retry) return ;;
                -X | --property) return ;;
                -F | --property-file) _rtd_files; return ;;
            esac
            if [[ $current == -* ]]; then
                _rtd_words "--size --payload-file --random-ratio --count --duration --rate --warmup --producers --consumers --topics --partitions --acks --linger --batch-bytes --compression --txn --txn-every --data-set --generate --seed --endless --live --source --sweep --json --csv --histogram-file --compare --floor --broker --data --retry --property --property-file --quiet --verbose --progress --no-progress --help"
            else
                _rtd_words "produce consume e2e mixed storage query nexmark cdc"
            fi
            ;;
    esac
}

complete -F _rtd rtd
