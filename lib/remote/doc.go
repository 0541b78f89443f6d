// Package remote is the Run picture: a signed script comes in by any door, is
// opened and checked, recorded, executed by the runner of its format, and
// reported as one execution object and one journal line.
//
// What a script of an agent finds beside Lua's own library, each under its
// capability:
//
//	tree        get(path) set(path, value) list(path) watch(path|paths, seconds)
//	device      id() groups()
//	log         error(text) warning(text) info(text) debug(text)
//	data        send(path, values [, policy]) flush([policy])
//	require "agent.monitoring"
//	            install(name, text|pieces [, auto]) uninstall(name) uninstallall()
//	            enable(name) disable(name) list("installed"|"loaded")
//	            load(name, text|pieces) unload(name)
//
// install has the rule work at once and after each restart, unless auto is
// false. Monitoring functions return true, or nil and a message. A rule finds
// the same, and:
//
//	system user global persist   tables over the device tree: system and
//	                             ram.system, config.user, ram.global, config.persist
//	onchange(path...) onhold(seconds, path...) onperiod(seconds) ondate(cron)
//	onboot() onthreshold(value, path [, "up"|"down"|"both"]) ondeadband(delta, path)
//	filter(test, trigger) connect(trigger, action)
//	time() sendtimestampeddata(path, {name = {timestamps = {...}, data = {...}}})
//
// All rules of an agent run in one child of it, one at a time. Variables of
// the system that nobody tells about are looked at every five seconds.
//
// It also holds both ends of the script child: scripts in Lua run in a
// process of their own, which speaks EMP frames with its parent over an
// inherited socket. The parent's end is Child, the other ChildMain.
package remote

import (
	"errors"

	"lander/lib/job"
)

// ErrUncontained says that this system cannot contain a script, and nobody
// said to run it all the same.
var ErrUncontained = errors.New("this system has no process groups and limits to contain a script")

// ErrLocked says that another holds the lock that a run asked for.
var ErrLocked = errors.New("locked by another run")

// Runners finds the runner of each format.
type Runners map[string]job.Runner
