package luavm

import (
	"os"

	"lander/lib/job"
)

// write writes to stdout (0) or stderr (1) of the script.
func (r *run) write(which int, p []byte) error {
	w := r.c.Stdout
	if which == 1 {
		w = r.c.Stderr
	}
	r.out[which] += int64(len(p))
	if limit := MaxOutput(r.c.Budget.Output); limit > 0 && r.out[which] > limit {
		return job.Errorf(job.CodeOutput, "more than %d bytes of output", limit)
	}
	_, err := w.Write(p)
	return err
}

// print writes what the global tostring makes of its arguments.
func print(th *thread) int {
	r := th.st.run
	n := th.args()
	tostring := th.index(tableValue(th.env), th.st.string("tostring"), -1)
	plain := tostring.is(kindNative) && tostring.p == th.st.tostring.p
	var line []byte
	for i := 1; i <= n; i++ {
		if i > 1 {
			line = append(line, '\t')
		}
		v := th.arg(i)
		switch {
		case plain && (v.isNumber() || v.is(kindString)):
			line = appendValue(line, v)
			continue
		case plain:
			v = th.display(v)
		case !tostring.isFunction():
			th.operandFault("call", tostring, -1)
		default:
			v = th.call1(tostring, v)
		}
		s, ok := toString(v)
		if !ok {
			th.errorf("'tostring' must return a string to 'print'")
		}
		line = append(line, s...)
	}
	if err := r.write(0, append(line, '\n')); err != nil {
		th.raiseErr(err)
	}
	return 0
}

// openFlags reads the mode of io.open as the GNU C library does: r, w or a
// first, a + or x within the next six letters, and whatever else.
func openFlags(mode string) (flag int, ok bool) {
	if mode == "" {
		return 0, false
	}
	switch mode[0] {
	case 'r':
		flag = os.O_RDONLY
	case 'w':
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	case 'a':
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	default:
		return 0, false
	}
	for _, c := range []byte(mode[1:min(len(mode), 7)]) {
		switch c {
		case 0:
			return flag, true
		case '+':
			flag = flag&^os.O_WRONLY | os.O_RDWR
		case 'x':
			flag |= os.O_EXCL
		}
	}
	return flag, true
}
