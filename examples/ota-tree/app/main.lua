--SAFETRIM
-- The application: luaOTA calls start with what came of the update.
local M = {}

function M.start(why)
  print("started: " .. why)   -- comments do not travel to the board
end

return M
