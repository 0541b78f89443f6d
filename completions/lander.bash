# bash completion for lander; made by: lander completion bash
_lander() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" i word subs="" flags="" values="" choices=""
    # --flag=value arrives as three words.
    if [[ $cur == = ]]; then
        cur=""
    elif [[ $prev == = && COMP_CWORD -ge 2 ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case "$path $word" in
        " agent") path=" agent" ;;
        " emp") path=" emp" ;;
        " emp send") path=" emp send" ;;
        " emp listen") path=" emp listen" ;;
        " emp simulate") path=" emp simulate" ;;
        " ota") path=" ota" ;;
        " ota serve") path=" ota serve" ;;
        " ota flash") path=" ota flash" ;;
        " ota status") path=" ota status" ;;
        " devs") path=" devs" ;;
        " devs list") path=" devs list" ;;
        " devs deploy") path=" devs deploy" ;;
        " devs logs") path=" devs logs" ;;
        " devs status") path=" devs status" ;;
        " devs start") path=" devs start" ;;
        " devs stop") path=" devs stop" ;;
        " devs reset") path=" devs reset" ;;
        " devs read") path=" devs read" ;;
        " devs simulate") path=" devs simulate" ;;
        " script") path=" script" ;;
        " script keygen") path=" script keygen" ;;
        " script sign") path=" script sign" ;;
        " script verify") path=" script verify" ;;
        " script run") path=" script run" ;;
        " trust") path=" trust" ;;
        " trust list") path=" trust list" ;;
        " trust add") path=" trust add" ;;
        " trust remove") path=" trust remove" ;;
        " trust apply") path=" trust apply" ;;
        " journal") path=" journal" ;;
        " journal verify") path=" journal verify" ;;
        " gateway") path=" gateway" ;;
        " doctor") path=" doctor" ;;
        " completion") path=" completion" ;;
        " man") path=" man" ;;
        " version") path=" version" ;;
        esac
    done
    case "$path" in
    "")
        subs="agent emp ota devs script trust journal gateway doctor completion man version"
        flags="--help --version"
        values="  " ;;
    " agent")
        subs=""
        flags="--listen --ready-file --trust --state --id --group --capability --max-running --memory --wall --cpu --fetch-allow --fetch-ca --server --server-id --server-link --auth --cipher --password-file --registration-file --sink --sms --dev --reboot-cmd --on-event --unsigned-packages --uncontained --json --quiet --verbose --log-level --log-format --no-color --config --help --print-config"
        values=" --listen --ready-file --trust --state --id --group --capability --max-running --memory --wall --cpu --fetch-allow --fetch-ca --server --server-id --server-link --auth --cipher --password-file --registration-file --sink --sms --reboot-cmd --on-event --log-level --log-format --config " ;;
    " emp")
        subs="send listen simulate"
        flags="--help"
        values="  " ;;
    " emp send")
        subs=""
        flags="--connect --wait --batch --listen-for --list --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --wait --batch --listen-for --log-level --log-format --config --timeout " ;;
    " emp listen")
        subs=""
        flags="--connect --wait --variable --sms --updates --ack --count --exec --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --wait --variable --sms --count --exec --log-level --log-format --config --timeout " ;;
    " emp simulate")
        subs=""
        flags="--connect --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --wait --log-level --log-format --config --timeout " ;;
    " ota")
        subs="serve flash status"
        flags="--help"
        values="  " ;;
    " ota serve")
        subs=""
        flags="--listen --ready-file --state --store --trust --release --percent --group --max-failures --silence --rate --dry-run --check --once --metrics --json --quiet --verbose --log-level --log-format --no-color --config --help --print-config"
        values=" --listen --ready-file --state --store --trust --release --percent --group --max-failures --silence --rate --metrics --log-level --log-format --config " ;;
    " ota flash")
        subs=""
        flags="--port --baud --fast --compile --set --device-config --register --no-init --verify-only --dry-run --run --list-ports --image --force --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --port --baud --fast --set --device-config --register --image --wait --log-level --log-format --config --timeout " ;;
    " ota status")
        subs=""
        flags="--state --store --device --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --state --store --device --log-level --log-format --config --timeout " ;;
    " devs")
        subs="list deploy logs status start stop reset read simulate"
        flags="--help"
        values="  " ;;
    " devs list")
        subs=""
        flags="--connect --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --wait --log-level --log-format --config --timeout " ;;
    " devs deploy")
        subs=""
        flags="--connect --device --all --wait --trust --state --signature --no-start --clear --force --watch --follow --rollback-on-panic --dry-run --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --trust --state --signature --watch --rollback-on-panic --log-level --log-format --config --timeout " ;;
    " devs logs")
        subs=""
        flags="--connect --device --all --wait --follow --no-follow --until --fail-on-panic --map --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --until --map --log-level --log-format --config --timeout " ;;
    " devs status")
        subs=""
        flags="--connect --device --all --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --log-level --log-format --config --timeout " ;;
    " devs start")
        subs=""
        flags="--connect --device --all --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --log-level --log-format --config --timeout " ;;
    " devs stop")
        subs=""
        flags="--connect --device --all --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --log-level --log-format --config --timeout " ;;
    " devs reset")
        subs=""
        flags="--connect --device --all --wait --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --log-level --log-format --config --timeout " ;;
    " devs read")
        subs=""
        flags="--connect --device --wait --output --force --may-crash --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --connect --device --wait --output --log-level --log-format --config --timeout " ;;
    " devs simulate")
        subs=""
        flags="--listen --ready-file --id --flash --rate --panic --panic-after --no-logging --json --quiet --verbose --log-level --log-format --no-color --config --help --print-config"
        values=" --listen --ready-file --id --flash --rate --panic --panic-after --log-level --log-format --config " ;;
    " script")
        subs="keygen sign verify run"
        flags="--help"
        values="  " ;;
    " script keygen")
        subs=""
        flags="--out --passphrase-fd --no-passphrase --no-input --force --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --out --passphrase-fd --log-level --log-format --config --timeout " ;;
    " script sign")
        subs=""
        flags="--key --target --output --detached --name --valid --not-before --format --serial --once --cap --args-allowed --files0-from --tree --dry-run --force --passphrase-fd --strict --no-input --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --key --target --output --name --valid --not-before --format --serial --cap --files0-from --tree --passphrase-fd --log-level --log-format --config --timeout " ;;
    " script verify")
        subs=""
        flags="--trust --policy --signature --target --at --explain --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --policy --signature --target --at --log-level --log-format --config --timeout " ;;
    " script run")
        subs=""
        flags="--trust --state --signature --unsigned --arg --capability --id --group --memory --wall --cpu --lock --on --token-file --retry-failed --ticket --wait --max-concurrency --max-errors --uncontained --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --state --signature --arg --capability --id --group --memory --wall --cpu --lock --on --token-file --retry-failed --ticket --wait --max-concurrency --max-errors --log-level --log-format --config --timeout " ;;
    " trust")
        subs="list add remove apply"
        flags="--help"
        values="  " ;;
    " trust list")
        subs=""
        flags="--trust --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --log-level --log-format --config --timeout " ;;
    " trust add")
        subs=""
        flags="--trust --role --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --role --log-level --log-format --config --timeout " ;;
    " trust remove")
        subs=""
        flags="--trust --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --log-level --log-format --config --timeout " ;;
    " trust apply")
        subs=""
        flags="--trust --state --id --group --dry-run --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --state --id --group --log-level --log-format --config --timeout " ;;
    " journal")
        subs="verify"
        flags="--help"
        values="  " ;;
    " journal verify")
        subs=""
        flags="--state --head --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --state --head --log-level --log-format --config --timeout " ;;
    " gateway")
        subs=""
        flags="--listen --ready-file --state --trust --store --capability --scripts --manifest --no-uploads --max-upload --max-running --script-timeout --history --auth --tls-cert --tls-key --client-ca --signed-only --provider --metrics --access-log --memory --cpu --output-limit --script-user --no-new-privileges --uncontained --m3da --m3da-credentials --server-id --public-url --queue-ttl --sink --devs --json --quiet --verbose --log-level --log-format --no-color --config --help --print-config"
        values=" --listen --ready-file --state --trust --store --capability --scripts --manifest --max-upload --max-running --script-timeout --history --auth --tls-cert --tls-key --client-ca --provider --metrics --access-log --memory --cpu --output-limit --script-user --m3da --m3da-credentials --server-id --public-url --queue-ttl --sink --devs --log-level --log-format --config " ;;
    " doctor")
        subs=""
        flags="--trust --state --id --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --trust --state --id --log-level --log-format --config --timeout " ;;
    " completion")
        subs="bash zsh fish powershell"
        flags="--json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --log-level --log-format --config --timeout " ;;
    " man")
        subs=""
        flags="--output --json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --output --log-level --log-format --config --timeout " ;;
    " version")
        subs=""
        flags="--json --quiet --verbose --log-level --log-format --no-color --config --timeout --help --print-config"
        values=" --log-level --log-format --config --timeout " ;;
    esac
    case "$path $prev" in
    " agent --auth")
        choices="hmac-md5 hmac-sha1" ;;
    " agent --cipher")
        choices="aes-cbc-128 aes-cbc-256 aes-ctr-128 aes-ctr-256" ;;
    " agent --log-level"|" emp send --log-level"|" emp listen --log-level"|" emp simulate --log-level"|" ota serve --log-level"|" ota flash --log-level"|" ota status --log-level"|" devs list --log-level"|" devs deploy --log-level"|" devs logs --log-level"|" devs status --log-level"|" devs start --log-level"|" devs stop --log-level"|" devs reset --log-level"|" devs read --log-level"|" devs simulate --log-level"|" script keygen --log-level"|" script sign --log-level"|" script verify --log-level"|" script run --log-level"|" trust list --log-level"|" trust add --log-level"|" trust remove --log-level"|" trust apply --log-level"|" journal verify --log-level"|" gateway --log-level"|" doctor --log-level"|" completion --log-level"|" man --log-level"|" version --log-level")
        choices="debug info warn error" ;;
    " agent --log-format"|" emp send --log-format"|" emp listen --log-format"|" emp simulate --log-format"|" ota serve --log-format"|" ota flash --log-format"|" ota status --log-format"|" devs list --log-format"|" devs deploy --log-format"|" devs logs --log-format"|" devs status --log-format"|" devs start --log-format"|" devs stop --log-format"|" devs reset --log-format"|" devs read --log-format"|" devs simulate --log-format"|" script keygen --log-format"|" script sign --log-format"|" script verify --log-format"|" script run --log-format"|" trust list --log-format"|" trust add --log-format"|" trust remove --log-format"|" trust apply --log-format"|" journal verify --log-format"|" gateway --log-format"|" doctor --log-format"|" completion --log-format"|" man --log-format"|" version --log-format")
        choices="text json" ;;
    " ota flash --fast")
        choices="auto off" ;;
    " script sign --format")
        choices="lua luac51 sh bash python devs package tree keys data" ;;
    " trust add --role")
        choices="root signer" ;;
    esac
    if [[ -n $choices ]]; then
        COMPREPLY=($(compgen -W "$choices" -- "$cur"))
    elif [[ $values == *" $prev "* ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [[ -n $subs ]]; then
        COMPREPLY=($(compgen -W "$subs" -- "$cur"))
    else
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}
complete -o filenames -F _lander lander
