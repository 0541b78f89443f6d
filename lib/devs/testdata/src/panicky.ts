import * as ds from "@devicescript/core"

async function boom() {
    ds._panic(1234)
}

console.log("about to panic")
await ds.sleep(100)
await boom()
