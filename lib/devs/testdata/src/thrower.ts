import * as ds from "@devicescript/core"

async function inner(x: any) {
    console.log("into the dark " + x.a.b.c)
}

async function outer() {
    await inner({ a: {} })
}

console.log("about to throw")
await ds.sleep(100)
await outer()
