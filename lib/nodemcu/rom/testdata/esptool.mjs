// Flashes FILE at OFFSET with esptool-js, without its stub, through a TCP port
// that stands for a serial one: node esptool.mjs MODULE PORT OFFSET FILE
import net from "node:net"
import fs from "node:fs"
import { pathToFileURL } from "node:url"

const [module, port, offset, file] = process.argv.slice(2)
const { ESPLoader, Transport } = await import(pathToFileURL(module).href)
const socket = net.connect({ host: "127.0.0.1", port: Number(port), noDelay: true })
await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject))
// Like a serial port, it can be closed and opened again.
const device = {
  open: async () => {
    device.readable = new ReadableStream({
      start: (c) => { device.take = (b) => c.enqueue(new Uint8Array(b)) },
      cancel: () => { device.take = () => {} },
    })
    device.writable = new WritableStream({ write: (b) => new Promise((done) => socket.write(b, done)) })
  },
  close: async () => {},
  setSignals: async () => {},
  getInfo: () => ({}),
  addEventListener() {},
  removeEventListener() {},
  take() {},
}
socket.on("data", (b) => device.take(b))
const quiet = { clean() {}, write() {}, writeLine() {} }
const loader = new ESPLoader({ transport: new Transport(device), baudrate: 115200, terminal: quiet })
await loader.detectChip("no_reset")
loader.IS_STUB = false
loader.FLASH_WRITE_SIZE = 0x400
console.log("chip " + loader.chip.CHIP_NAME)
if (loader.chip.CHIP_NAME !== "ESP8266") await loader.flashSpiAttach(0)
await loader.writeFlash({
  fileArray: [{ data: new Uint8Array(fs.readFileSync(file)), address: Number(offset) }],
  flashSize: "keep", flashMode: "keep", flashFreq: "keep", eraseAll: false, compress: false,
})
if (loader.chip.CHIP_NAME !== "ESP8266") console.log("md5 " + (await loader.flashMd5sum(Number(offset), fs.statSync(file).size)))
await loader.flashFinish(false)
console.log("written")
process.exit(0)
