-- A script for an agent: it reaches the device's variable tree.
print("on " .. device.id() .. ", up for " .. (tree.get("system.uptime") or "?") .. " s")
assert(tree.set("config.visit.by", "visit.lua"))
log.info("visited")
