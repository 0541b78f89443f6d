console.log("about to spin")
let n = 0
while (true) n++
