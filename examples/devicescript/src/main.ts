import * as ds from "@devicescript/core"

let n = 0
setInterval(async () => {
    console.log("hello " + n)
    n++
}, 200)
