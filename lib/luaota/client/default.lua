-- The application of a board that has none.
return {entry = function(why) print("luaOTA: no application is configured: " .. tostring(why)) end}
