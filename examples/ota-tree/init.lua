-- The first file that a board runs. Keep a way out: hold the button at GPIO0
-- (pin 3) during the start and nothing is loaded.
gpio.mode(3, gpio.INPUT, gpio.PULLUP)
if gpio.read(3) == 1 then
  require "luaOTA.check"
end
