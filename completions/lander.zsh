#compdef lander
# zsh completion for lander; made by: lander completion zsh
_lander() {
    local at="" i word
    local -a subs flags choices
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        case "$at $word" in
        ' agent') at=' agent' ;;
        ' emp') at=' emp' ;;
        ' emp send') at=' emp send' ;;
        ' emp listen') at=' emp listen' ;;
        ' emp simulate') at=' emp simulate' ;;
        ' ota') at=' ota' ;;
        ' ota serve') at=' ota serve' ;;
        ' ota flash') at=' ota flash' ;;
        ' ota status') at=' ota status' ;;
        ' devs') at=' devs' ;;
        ' devs list') at=' devs list' ;;
        ' devs deploy') at=' devs deploy' ;;
        ' devs logs') at=' devs logs' ;;
        ' devs status') at=' devs status' ;;
        ' devs start') at=' devs start' ;;
        ' devs stop') at=' devs stop' ;;
        ' devs reset') at=' devs reset' ;;
        ' devs read') at=' devs read' ;;
        ' devs simulate') at=' devs simulate' ;;
        ' script') at=' script' ;;
        ' script keygen') at=' script keygen' ;;
        ' script sign') at=' script sign' ;;
        ' script verify') at=' script verify' ;;
        ' script run') at=' script run' ;;
        ' trust') at=' trust' ;;
        ' trust list') at=' trust list' ;;
        ' trust add') at=' trust add' ;;
        ' trust remove') at=' trust remove' ;;
        ' trust apply') at=' trust apply' ;;
        ' journal') at=' journal' ;;
        ' journal verify') at=' journal verify' ;;
        ' gateway') at=' gateway' ;;
        ' doctor') at=' doctor' ;;
        ' completion') at=' completion' ;;
        ' man') at=' man' ;;
        ' version') at=' version' ;;
        esac
    done
    case "$at" in
    '')
        subs=(
            'agent:be the local hub of a device: variables, assets, signed scripts'
            'emp:speak with the agent of this device'
            'ota:keep NodeMCU boards up to date'
            'devs:deploy programs to DeviceScript devices, and see what they do'
            'script:make, check and run signed scripts'
            'trust:say whose scripts may run here'
            'journal:read the record of what was run'
            'gateway:serve diagnostic scripts over REST (SOVD)'
            'doctor:check this machine: each thing is fine, or what to do'
            'completion:print the completion script of a shell'
            'man:print a manual page, or write all of them'
            'version:print the version and how this program was built')
        flags=(
            '--help:show this help'
            '--version:print the version')
        ;;
    ' agent')
        subs=()
        flags=(
            '--listen:accept connections at ADDR, tcp://HOST:PORT or unix:///PATH (repeatable; default: tcp://127.0.0.1:9999)'
            '--ready-file:write the bound address to FILE when accepting, and remove it at the end'
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--state:keep serials, journal and other state in DIR'
            '--id:answer to the target ID (default: made from the machine id)'
            '--group:answer to the target group:NAME (repeatable)'
            '--capability:a capability WORD that scripts may have: base, exec, fs:PATH[:ro], net:HOST:PORT, ... (repeatable)'
            '--max-running:run at most N scripts at once (default: 16)'
            '--memory:end a script that holds more than SIZE (default: 64MiB for Lua)'
            '--wall:end a script after DUR; 0: no limit (default: 5m0s)'
            '--cpu:end a script after DUR of processor time (default: 1m0s)'
            '--fetch-allow:scripts may be downloaded from the special network CIDR too, such as 127.0.0.0/8 (repeatable)'
            '--fetch-ca:trust the certificates in FILE for downloads'
            '--server:send data to the M3DA server at ADDR, m3da://HOST:PORT, and take its commands; of several, with a comma between them, to one that answers'
            '--server-id:the server'\''s NAME, which secured sessions need (default: AIRVANTAGE)'
            '--server-link:keep the link to the server open, or connect when a policy says so: keep|policy (default: keep)'
            '--auth:prove who is who to the server and back by WORD: hmac-md5 or hmac-sha1'
            '--cipher:encipher what goes to the server by WORD: aes-cbc-128, aes-cbc-256, aes-ctr-128 or aes-ctr-256'
            '--password-file:the password shared with the server is in FILE'
            '--registration-file:while the file of --password-file is not there, get its content from the server, with the registration password in FILE'
            '--sink:write the data that is due to FILE or - as NDJSON, in place of a server'
            '--sms:send and receive SMS by the modem at ADDR, such as serial:///dev/ttyUSB2, or send by a command that gets {"to","text","format"} on its input'
            '--dev:for application authors: take what emp simulate sends'
            '--reboot-cmd:run CMD with sh when an application asks for a reboot; without it that is only logged'
            '--on-event:run CMD with sh for each event, which it gets as JSON on its input; one at a time, for 10 s at most'
            '--unsigned-packages:install update packages that nobody signed'
            '--uncontained:run scripts even where the system cannot contain them'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' emp')
        subs=(
            'send:send a command to the agent and print its answer'
            'listen:be an application of the agent: take what it sends'
            'simulate:have an agent under development send what a server or modem would make it send')
        flags=(
            '--help:show this help')
        ;;
    ' emp send')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: tcp://127.0.0.1:9999)'
            '--wait:keep trying to connect for DUR'
            '--batch:send what FILE or - says, a {"command","payload"} a line, up to 256 at once'
            '--listen-for:stay for DUR and print what the agent sends meanwhile'
            '--list:list the commands, and stop'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' emp listen')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: tcp://127.0.0.1:9999)'
            '--wait:keep trying to connect for DUR'
            '--variable:be told when the variable or node PATH changes (repeatable)'
            '--sms:receive SMS whose sender and text have the Lua patterns PHONE:TEXT (repeatable)'
            '--updates:be told how software updates go'
            '--ack:acknowledge each SendData'
            '--count:end after N commands'
            '--exec:run CMD with sh for each command'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' emp simulate')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: tcp://127.0.0.1:9999)'
            '--wait:keep trying to connect for DUR'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' ota')
        subs=(
            'serve:keep NodeMCU boards up to date with a tree of files'
            'flash:put a luaOTA client on a NodeMCU board over its serial port'
            'status:show the boards that ota serve has seen')
        flags=(
            '--help:show this help')
        ;;
    ' ota serve')
        subs=()
        flags=(
            '--listen:accept connections at ADDR, tcp://HOST:PORT or unix:///PATH (repeatable; default: tcp://127.0.0.1:8266)'
            '--ready-file:write the bound address to FILE when accepting, and remove it at the end'
            '--state:keep serials, journal and other state in DIR'
            '--store:keep the records of the boards at ADDR instead of the state directory'
            '--trust:serve only a tree whose tree.signed verifies with the trust store DIR'
            '--release:call the release NAME where the manifest does not name it'
            '--percent:let a release reach N percent of the boards, always the same ones (default: 100)'
            '--group:update only boards of the group NAME (repeatable)'
            '--max-failures:halt a release that failed on N boards; 0: never'
            '--silence:a board that is silent for DUR after an update counts as a failure; 0: never'
            '--rate:begin at most N/min updates'
            '--dry-run:print what each known board would get, and stop'
            '--check:check the tree and stop; exit code 3 when a release is broken'
            '--once:end after the first board'\''s session'
            '--metrics:publish counters at http://ADDR/metrics'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' ota flash')
        subs=()
        flags=(
            '--port:the board is at PORT: /dev/ttyUSB0, serial:///dev/ttyUSB0, or auto when there is only one (default: serial:auto)'
            '--baud:the rate of the firmware'\''s prompt is N; others are tried when it is silent (default: 115200)'
            '--fast:transfer at RATE: a number, auto or off (default: off)'
            '--compile:let the board compile the modules'
            '--set:set K=V in the board'\''s config.json, or K=@FILE; ssid, server, port, app, ... (repeatable)'
            '--device-config:the board'\''s config.json is FILE'
            '--register:write ESP-<chip id>.json with a fresh secret into the tree DIR of ota serve; fills in server and port'
            '--no-init:leave init.lua alone'
            '--verify-only:compare, change nothing'
            '--dry-run:say what would be done'
            '--run:restart the board at the end and wait until its client has reached the provisioning service'
            '--list-ports:list the serial ports of this machine and stop'
            '--image:write a file system image over the ROM loader instead: FILE@OFFSET; 0x numbers are hexadecimal'
            '--force:go on whatever the checks before the transfer find'
            '--wait:wait at most DUR for the prompt, and as long for the client after --run (default: 30s)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' ota status')
        subs=()
        flags=(
            '--state:keep serials, journal and other state in DIR'
            '--store:keep the records of the boards at ADDR instead of the state directory'
            '--device:show the board with the chip id ID alone'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs')
        subs=(
            'list:show the DeviceScript devices of a bus'
            'deploy:put a program on a device, and see that it runs'
            'logs:print what a device logs'
            'status:show all that a device says of itself'
            'start:start the program of a device'
            'stop:stop the program of a device'
            'reset:restart a device'
            'read:fetch the program back from a device'
            'simulate:be a bus with simulated devices')
        flags=(
            '--help:show this help')
        ;;
    ' devs list')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--wait:wait at most DUR for devices to answer (default: 700ms)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs deploy')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--all:every device of the bus, at the same time'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--state:keep serials, journal and other state in DIR'
            '--signature:the detached signature is in FILE'
            '--no-start:leave the program stopped'
            '--clear:take the program away instead'
            '--force:send it even when the device has it'
            '--watch:look for a panic for DUR after the start, and fail on one'
            '--follow:print what the device logs, from before the start: until --watch is over, or for ever'
            '--rollback-on-panic:deploy FILE when the program panics within --watch'
            '--dry-run:say what would be done'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs logs')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--all:every device of the bus, at the same time'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--follow:open a lost link again (the default)'
            '--no-follow:end with the link, with exit code 5'
            '--until:end when a message matches REGEXP'
            '--fail-on-panic:end with exit code 7 when the program panics'
            '--map:show source lines by the compiler'\''s FILE-dbg.json (repeatable; matched to the program by sha256)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs status')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--all:every device of the bus, at the same time'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs start')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--all:every device of the bus, at the same time'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs stop')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--all:every device of the bus, at the same time'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs reset')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--all:every device of the bus, at the same time'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs read')
        subs=()
        flags=(
            '--connect:the peer is at ADDR (default: serial:auto)'
            '--device:the device: its ID, the start of it, its short name, or auto when there is only one (default: auto)'
            '--wait:wait at most DUR for devices to answer (default: 3s)'
            '--output:write it to FILE, or to stdout for -'
            '--force:overwrite the file'
            '--may-crash:the device may restart over it'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' devs simulate')
        subs=()
        flags=(
            '--listen:accept connections at ADDR, tcp://HOST:PORT or unix:///PATH (repeatable; default: tcp://127.0.0.1:8082)'
            '--ready-file:write the bound address to FILE when accepting, and remove it at the end'
            '--id:a device with the ID of 16 hex digits (repeatable; default: 1234567890abcdef)'
            '--flash:keep the program of the only device in FILE'
            '--rate:print N lines a second (default: 1)'
            '--panic:panic with CODE, after the line --panic-after'
            '--panic-after:panic after N lines (default: 3)'
            '--no-logging:do not implement log messages, as the shipped runtime'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' script')
        subs=(
            'keygen:make a key pair for signing'
            'sign:sign scripts, key lists and packages'
            'verify:tell what was signed, by whom and until when'
            'run:run a signed script, here or on an agent')
        flags=(
            '--help:show this help')
        ;;
    ' script keygen')
        subs=()
        flags=(
            '--out:write NAME.key and NAME.pub'
            '--passphrase-fd:read the passphrase from file descriptor N (default: ask on the terminal)'
            '--no-passphrase:leave the key file unencrypted'
            '--no-input:never ask; implied without a terminal'
            '--force:replace existing files'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' script sign')
        subs=()
        flags=(
            '--key:sign with the key in FILE; - reads it from stdin'
            '--target:good for the device ID, for group:NAME, or for * (repeatable; must be given)'
            '--output:write to FILE, into a directory, or to stdout with -'
            '--detached:write FILE.minisig beside FILE instead of a bundle'
            '--name:call the script NAME (default: its relative path)'
            '--valid:good for DUR (24h, 30d) or never to expire; 24h for scripts'
            '--not-before:good only from TIME on (RFC 3339)'
            '--format:sign as WORD: lua, luac51, sh, bash, python, devs, package, tree, keys, data'
            '--serial:take the serial N, 0 to 2^53-1 (default: the time in microseconds)'
            '--once:good for one run only'
            '--cap:the script asks for this capability WORD, and gets no other (repeatable)'
            '--args-allowed:whoever runs it may give it arguments'
            '--files0-from:read the names of the files, each ended by NUL, from FILE or -'
            '--tree:sign the list of all files of the directory DIR, for ota serve --trust'
            '--dry-run:check and measure only; needs no key'
            '--force:replace existing outputs'
            '--passphrase-fd:read the passphrase from file descriptor N (default: ask on the terminal)'
            '--strict:make a key file that others can read an error'
            '--no-input:never ask; implied without a terminal'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' script verify')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--policy:use the policy in FILE instead of the trust store'\''s own'
            '--signature:the detached signature is in FILE'
            '--target:check as the device ID (or group:NAME) would'
            '--at:check as of TIME (RFC 3339; default: now)'
            '--explain:show check by check what a device would say'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' script run')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--state:keep serials, journal and other state in DIR'
            '--signature:the detached signature is in FILE'
            '--unsigned:run a script that nobody signed'
            '--arg:give the script the argument K=V (repeatable)'
            '--capability:a capability WORD that scripts may have: base, exec, fs:PATH[:ro], net:HOST:PORT, ... (repeatable)'
            '--id:answer to the target ID (default: made from the machine id)'
            '--group:answer to the target group:NAME (repeatable)'
            '--memory:end it when it holds more than SIZE (default: 64MiB for Lua)'
            '--wall:end it after DUR; 0: no limit (default: 5m0s)'
            '--cpu:end it after DUR of processor time (default: 1m0s)'
            '--lock:run only when no other run holds the lock NAME; exit 5 when one does'
            '--on:run it on the agent at ADDR, or by a gateway: its https://.../components/ID or .../fleet/GROUP; or on each of these that a file (or -) names, one a line'
            '--token-file:with --on of a gateway: the token is in FILE'
            '--retry-failed:with --on .../fleet: run the script of RECORD anew where it did not complete; with --on FILE: where the lines of an earlier --json in the file RECORD do not say that it did'
            '--ticket:with --on: the agent runs it once under the ticket T, and answers a repetition with what came of it'
            '--wait:with --on: keep trying to connect for DUR'
            '--max-concurrency:with --on FILE: run on N (or N%) agents at once (default: 8)'
            '--max-errors:with --on FILE: stop when more than N (or N%) agents failed'
            '--uncontained:run scripts even where the system cannot contain them'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' trust')
        subs=(
            'list:list the keys whose scripts may run here'
            'add:trust a public key'
            'remove:trust a key no more'
            'apply:replace the trust store by a signed key list')
        flags=(
            '--help:show this help')
        ;;
    ' trust list')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' trust add')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--role:give the key the ROLE: root (may sign key lists) or signer'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' trust remove')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' trust apply')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--state:keep serials, journal and other state in DIR'
            '--id:answer to the target ID (default: made from the machine id)'
            '--group:answer to the target group:NAME (repeatable)'
            '--dry-run:check only'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' journal')
        subs=(
            'verify:check that the journal'\''s chain is whole')
        flags=(
            '--help:show this help')
        ;;
    ' journal verify')
        subs=()
        flags=(
            '--state:keep serials, journal and other state in DIR'
            '--head:the line with this HASH must be there'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' gateway')
        subs=()
        flags=(
            '--listen:accept connections at ADDR, tcp://HOST:PORT or unix:///PATH (repeatable; default: tcp://127.0.0.1:8080)'
            '--ready-file:write the bound address to FILE when accepting, and remove it at the end'
            '--state:keep serials, journal and other state in DIR'
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--store:keep the records of the boards at ADDR instead of the state directory'
            '--capability:a capability WORD that scripts may have: base, exec, fs:PATH[:ro], net:HOST:PORT, ... (repeatable)'
            '--scripts:keep the scripts in DIR; without it the feature is off (501)'
            '--manifest:the entities and managed scripts are in the YAML FILE'
            '--no-uploads:take no uploads: only scripts that are there'
            '--max-upload:take scripts of at most SIZE (default: 10MiB)'
            '--max-running:run at most N scripts at once (default: 5)'
            '--script-timeout:end a script after DUR; 0: never (default: 5m0s)'
            '--history:keep N finished executions; of agents 10000, unless it is said (default: 100)'
            '--auth:clients, roles and keys are in the TOML FILE'
            '--tls-cert:serve TLS with the certificate in FILE'
            '--tls-key:the key of the certificate is in FILE'
            '--client-ca:clients must show a certificate that one in FILE signed'
            '--signed-only:take and run only signed bundles that the trust store lets on the entity'
            '--provider:scripts are the business of CMD, which speaks JSON lines on its input and output'
            '--metrics:publish counters at http://ADDR/metrics'
            '--access-log:append a line of JSON for each request to FILE'
            '--memory:end a script that holds more than SIZE'
            '--cpu:end a script after DUR of processor time'
            '--output-limit:keep SIZE of each of stdout and stderr (default: 1MiB)'
            '--script-user:run scripts as the user NAME; needs root'
            '--no-new-privileges:keep the gateway and its scripts from gaining rights by set-user-id programs'
            '--uncontained:run scripts even where the system cannot contain them'
            '--m3da:agents connect at ADDR, m3da://HOST:PORT: each is a component'
            '--m3da-credentials:the agents that may connect are in the TOML FILE; without it any may'
            '--server-id:the gateway'\''s NAME towards agents, which secured sessions need (default: AIRVANTAGE)'
            '--public-url:agents reach the gateway at URL (default: where it listens)'
            '--queue-ttl:a script waits for its agent, and then for its end, for DUR (default: 24h0m0s)'
            '--sink:write what agents send to FILE or - as NDJSON'
            '--devs:the DeviceScript devices of the bus at ADDR are components (repeatable)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' doctor')
        subs=()
        flags=(
            '--trust:the trust store DIR (default: lander/trust in the configuration directory)'
            '--state:keep serials, journal and other state in DIR'
            '--id:answer to the target ID (default: made from the machine id)'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' completion')
        subs=(
            'bash:script for bash'
            'zsh:script for zsh'
            'fish:script for fish'
            'powershell:script for powershell')
        flags=(
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' man')
        subs=()
        flags=(
            '--output:write every page into the directory DIR, as lander-COMMAND.1'
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    ' version')
        subs=()
        flags=(
            '--json:print the result, and errors, as JSON'
            '--quiet:print errors only; twice: nothing for exit code 5'
            '--verbose:log more; repeat for more'
            '--log-level:log down to LEVEL: debug, info, warn or error'
            '--log-format:log as FORMAT: text or json (default: text)'
            '--no-color:write without colours'
            '--config:read the configuration from FILE'
            '--timeout:give up after DUR; 0 waits for ever'
            '--help:show this help'
            '--print-config:print the merged configuration with the origin of each value, and stop')
        ;;
    esac
    case "$at $words[CURRENT-1]" in
    " agent --auth")
        choices=(hmac-md5 hmac-sha1) ;;
    " agent --cipher")
        choices=(aes-cbc-128 aes-cbc-256 aes-ctr-128 aes-ctr-256) ;;
    " agent --log-level"|" emp send --log-level"|" emp listen --log-level"|" emp simulate --log-level"|" ota serve --log-level"|" ota flash --log-level"|" ota status --log-level"|" devs list --log-level"|" devs deploy --log-level"|" devs logs --log-level"|" devs status --log-level"|" devs start --log-level"|" devs stop --log-level"|" devs reset --log-level"|" devs read --log-level"|" devs simulate --log-level"|" script keygen --log-level"|" script sign --log-level"|" script verify --log-level"|" script run --log-level"|" trust list --log-level"|" trust add --log-level"|" trust remove --log-level"|" trust apply --log-level"|" journal verify --log-level"|" gateway --log-level"|" doctor --log-level"|" completion --log-level"|" man --log-level"|" version --log-level")
        choices=(debug info warn error) ;;
    " agent --log-format"|" emp send --log-format"|" emp listen --log-format"|" emp simulate --log-format"|" ota serve --log-format"|" ota flash --log-format"|" ota status --log-format"|" devs list --log-format"|" devs deploy --log-format"|" devs logs --log-format"|" devs status --log-format"|" devs start --log-format"|" devs stop --log-format"|" devs reset --log-format"|" devs read --log-format"|" devs simulate --log-format"|" script keygen --log-format"|" script sign --log-format"|" script verify --log-format"|" script run --log-format"|" trust list --log-format"|" trust add --log-format"|" trust remove --log-format"|" trust apply --log-format"|" journal verify --log-format"|" gateway --log-format"|" doctor --log-format"|" completion --log-format"|" man --log-format"|" version --log-format")
        choices=(text json) ;;
    " ota flash --fast")
        choices=(auto off) ;;
    " script sign --format")
        choices=(lua luac51 sh bash python devs package tree keys data) ;;
    " trust add --role")
        choices=(root signer) ;;
    esac
    if (( $#choices )); then
        compadd -- $choices
    elif [[ $words[CURRENT] == -* ]]; then
        _describe 'flag' flags
    elif (( $#subs )); then
        _describe 'command' subs
    else
        _files
    fi
}
if [[ $funcstack[1] == _lander ]]; then
    _lander "$@"
else
    compdef _lander lander
fi
