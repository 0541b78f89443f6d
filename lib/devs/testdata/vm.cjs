// A bus of real DeviceScript VMs behind one TCP port, for interop tests.
// Usage: node vm.cjs BUNDLE COUNT LOSS ; prints "port N" when it listens.
// BUNDLE is built/devicescript-cli.cjs of @devicescript/cli, LOSS the share of
// frames lost each way between a client and the bus. Ends with its stdin.
const fs = require("fs"), net = require("net")
const [bundle, count, loss] = [process.argv[2], +process.argv[3] || 1, +process.argv[4] || 0]

const text = fs.readFileSync(bundle, "utf8")
const begin = text.indexOf("\nvar require_devicescript_vm = __commonJS({")
const end = text.indexOf("\n});\n", begin) + 5
const shim = "const __commonJS = m => { const f = Object.values(m)[0]; let c; return () => c || (c = { exports: {} }, f(c.exports, c), c).exports };\n"
const load = new Function("require", "__filename", "__dirname", "process",
    shim + text.slice(begin, end) + "\nreturn require_devicescript_vm()")

let seed = 1
const lost = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return (seed >> 8) % 10000 < loss * 10000
}
const stations = new Set() // {take(frame)}
const spread = (from, frame) => {
    for (const s of stations) if (s !== from) s.take(frame)
}

async function device(i) {
    let flash = new Uint8Array(0)
    const id = i == 0 ? "1234567890abcdef" : "0a1b2c3d4e5f" + (0x6000 + i).toString(16)
    const boot = async () => {
        const vm = await load(require, bundle, __dirname, process)()
        const self = {
            take(frame) {
                try { vm.handlePacket(frame) } catch (e) { again(e) }
            },
        }
        let dead = false
        const again = () => {
            if (dead) return
            dead = true
            stations.delete(self)
            setTimeout(boot, 50)
        }
        vm.dmesg = s => process.stdout.write("text " + id + " " + s + "\n")
        vm.log = vm.dmesg
        vm.error = again
        vm.sendPacket = frame => { const f = new Uint8Array(frame); setImmediate(() => spread(self, f)) }
        vm.flashLoad = () => flash
        vm.flashSave = buf => { flash = new Uint8Array(buf) }
        vm.devsSetDeviceId(id)
        vm.devsStart()
        stations.add(self)
    }
    await boot()
}

process.on("uncaughtException", e => process.stdout.write("fault " + e + "\n"))
process.on("unhandledRejection", e => process.stdout.write("fault " + e + "\n"))
process.stdin.on("end", () => process.exit(0)).resume()

async function main() {
    for (let i = 0; i < count; i++) await device(i)
    const server = net.createServer(sock => {
        sock.setNoDelay(true)
        const self = {
            take(frame) {
                if (frame.length < 255 && !lost()) sock.write(Buffer.concat([Buffer.from([frame.length]), frame]))
            },
        }
        stations.add(self)
        let acc = Buffer.alloc(0)
        sock.on("data", d => {
            acc = acc.length ? Buffer.concat([acc, d]) : d
            let at = 0
            while (at < acc.length && at + 1 + acc[at] <= acc.length) {
                const frame = new Uint8Array(acc.subarray(at + 1, at + 1 + acc[at]))
                at += 1 + acc[at]
                if (!lost()) spread(self, frame)
            }
            acc = acc.subarray(at)
        })
        const gone = () => stations.delete(self)
        sock.on("close", gone).on("error", gone)
    })
    server.listen(0, "127.0.0.1", () => process.stdout.write("port " + server.address().port + "\n"))
}
main()
