package luavm

import (
	"fmt"
	"io"
	"math"
	"unsafe"

	"lander/lib/job"
)

// ioLib is the io library of a run.
type ioLib struct {
	r      *run
	meta   *table // of file handles
	input  value
	output value
}

var fileFuncs = library(func() funcs {
	return funcs{
		"close": fileClose, "flush": fileFlush, "lines": fileLines, "read": fileRead, "seek": fileSeek,
		"setvbuf": fileBuffer, "write": fileWrite, "__gc": fileGC, "__tostring": fileText,
	}
})

var ioFuncs = library(func() funcs {
	return funcs{
		"close": ioClose, "flush": ioFlush, "input": ioInput, "lines": ioLines, "open": ioOpen, "output": ioOutput,
		"popen": ioPOpen, "read": ioRead, "tmpfile": ioTmpFile, "type": ioType, "write": ioWrite,
	}
})

var printFunc = library(func() funcs {
	return funcs{"print": print}
})

func (r *run) openIO() *table {
	st := r.st
	l := &r.io
	l.r = r
	l.meta = st.fill(st.newTable(0, 16), fileFuncs())
	l.meta.setString(st, "__index", tableValue(l.meta))
	st.registry.setString(st, "FILE*", tableValue(l.meta))
	t := st.fill(st.newTable(0, 16), ioFuncs())
	l.input = l.handle(&file{r: r, rd: r.in, std: true})
	l.output = l.handle(&file{r: r, w: &sink{r: r}, std: true})
	t.setString(st, "stdin", l.input)
	t.setString(st, "stdout", l.output)
	t.setString(st, "stderr", l.handle(&file{r: r, w: &sink{r: r, which: 1}, std: true}))
	// The defaults are kept alive where a collection sees them.
	st.registry.setString(st, "io defaults", tableValue(t))
	st.fill(st.globals, printFunc())
	return t
}

// handle makes the userdata of a file.
func (l *ioLib) handle(f *file) value {
	u := l.r.st.newUserdata(f, l.meta)
	if !f.std {
		l.r.st.addFinalizer(u)
	}
	return u.value()
}

// checkHandle returns the file that argument i is, closed or not.
func (th *thread) checkHandle(i int) *file {
	if v := th.arg(i); v.is(kindUserdata) {
		if f, ok := v.userdata().v.(*file); ok {
			return f
		}
	}
	th.typeFault(i, "FILE*")
	return nil
}

func (th *thread) checkFile(i int) *file {
	f := th.checkHandle(i)
	if f.closed {
		th.errorf("attempt to use a closed file")
	}
	return f
}

// standard returns a default file, which a script may have closed.
func (th *thread) standard(v value, name string) *file {
	f := v.userdata().v.(*file)
	if f.closed {
		th.errorf("standard %s file is closed", name)
	}
	return f
}

func ioType(th *thread) int {
	if v := th.checkAny(1); v.is(kindUserdata) {
		if f, ok := v.userdata().v.(*file); ok {
			if f.closed {
				return th.retString("closed file")
			}
			return th.retString("file")
		}
	}
	return th.ret(value{})
}

func fileText(th *thread) int {
	f := th.checkHandle(1)
	if f.closed {
		return th.retString("file (closed)")
	}
	return th.retString(fmt.Sprintf("file (0x%012x)", uintptr(unsafe.Pointer(f))))
}

func fileGC(th *thread) int {
	if f := th.checkHandle(1); !f.closed && !f.std {
		f.close()
	}
	return 0
}

func ioOpen(th *thread) int {
	l := &th.st.run.io
	name, mode := th.checkString(1), th.optString(2, "r")
	f, err := l.r.openFile(name, mode)
	if err != nil {
		return th.result(err, name)
	}
	return th.ret(l.handle(f))
}

func ioPOpen(th *thread) int {
	l := &th.st.run.io
	line, mode := th.checkString(1), th.optString(2, "r")
	l.r.mayExec(th)
	f, err := l.r.popen(line, mode)
	if err != nil {
		return th.result(err, line)
	}
	l.r.open[f] = true
	return th.ret(l.handle(f))
}

func ioTmpFile(th *thread) int {
	l := &th.st.run.io
	return th.ret(l.handle(l.r.temporaryFile()))
}

func ioClose(th *thread) int {
	l := &th.st.run.io
	if th.args() == 0 {
		return l.closeFile(th, th.standard(l.output, "output"))
	}
	return fileClose(th)
}

func fileClose(th *thread) int {
	l := &th.st.run.io
	return l.closeFile(th, th.checkFile(1))
}

func (l *ioLib) closeFile(th *thread, f *file) int {
	if f.std {
		return th.retError("cannot close standard file")
	}
	err := f.close()
	if f.proc != nil && th.st.run.ctx.Err() != nil {
		panic(&fatal{stopped(th.st.run.ctx)})
	}
	return th.result(err, "")
}

func ioFlush(th *thread) int {
	l := &th.st.run.io
	return th.result(th.standard(l.output, "output").flush(), "")
}

func fileFlush(th *thread) int {
	return th.result(th.checkFile(1).flush(), "")
}

func ioInput(th *thread) int {
	l := &th.st.run.io
	return l.setDefault(th, &l.input, "r")
}
func ioOutput(th *thread) int {
	l := &th.st.run.io
	return l.setDefault(th, &l.output, "w")
}

func (l *ioLib) setDefault(th *thread, at *value, mode string) int {
	if v := th.arg(1); v.p != nil {
		if name, ok := toString(v); ok {
			*at = l.mustOpen(th, name, mode)
		} else {
			th.checkFile(1)
			*at = v
		}
		th.st.registry.setString(th.st, "io default "+mode, *at)
	}
	return th.ret(*at)
}

// mustOpen opens a file or raises why it cannot be.
func (l *ioLib) mustOpen(th *thread, name, mode string) value {
	f, err := l.r.openFile(name, mode)
	if err != nil {
		if je, ok := err.(*job.Error); ok {
			th.raiseErr(je)
		}
		s, _ := errno(err)
		th.argFault(1, name+": "+s)
	}
	return l.handle(f)
}

func ioLines(th *thread) int {
	l := &th.st.run.io
	if th.arg(1).p == nil {
		if l.input.userdata().v.(*file).closed {
			th.errorf("attempt to use a closed file")
		}
		return th.ret(l.lineIterator(l.input, false))
	}
	return th.ret(l.lineIterator(l.mustOpen(th, th.checkString(1), "r"), true))
}

func fileLines(th *thread) int {
	l := &th.st.run.io
	th.checkFile(1)
	return th.ret(l.lineIterator(th.arg(1), false))
}

func (l *ioLib) lineIterator(handle value, closing bool) value {
	return l.r.st.newNative(func(th *thread) int {
		f := th.self().ups[0].userdata().v.(*file)
		if f.closed {
			th.errorf("file is already closed")
		}
		s, ok, err := f.readLine()
		if err != nil {
			text, _ := errno(err)
			th.errorf("%s", text)
		}
		if ok {
			return th.retString(s)
		}
		if closing {
			f.close()
		}
		return 0
	}, handle).value()
}

func ioRead(th *thread) int {
	l := &th.st.run.io
	return l.readFrom(th, th.standard(l.input, "input"), 1)
}

func fileRead(th *thread) int {
	l := &th.st.run.io
	return l.readFrom(th, th.checkFile(1), 2)
}

// readFrom reads by the formats from argument first on; it ends with nil
// where one cannot be read.
func (l *ioLib) readFrom(th *thread, f *file, first int) int {
	last := th.args()
	if err := f.flush(); err != nil {
		return th.result(err, "")
	}
	if last < first {
		s, ok, err := f.readLine()
		if err != nil {
			return th.result(err, "")
		}
		return l.readOne(th, s, ok)
	}
	th.needStack(last + minStack)
	n := 0
	for i := first; i <= last; i++ {
		got, err := l.readFormat(th, f, i)
		if err != nil {
			return th.result(err, "")
		}
		n++
		if !got {
			break
		}
	}
	return n
}

func (l *ioLib) readOne(th *thread, s string, ok bool) int {
	if ok {
		return th.retString(s)
	}
	return th.ret(value{})
}

// readFormat pushes what one format reads.
func (l *ioLib) readFormat(th *thread, f *file, i int) (bool, error) {
	v := th.arg(i)
	var s string
	ok := true
	var err error
	if v.isNumber() {
		n := size(v.num())
		if n < 0 { // a size_t to C
			n = math.MaxInt
		}
		if n == 0 {
			if f.rd == nil {
				return false, errBadFile
			}
			_, e := f.rd.Peek(1)
			ok = e == nil
		} else {
			s, err = f.readAll(n)
			ok = s != ""
		}
	} else {
		p, isText := v.asString()
		if !isText || p == "" || p[0] != '*' {
			th.argFault(i, "invalid option")
		}
		switch p += "\x00"; p[1] {
		case 'n':
			x, good := f.readNumber()
			if good {
				th.push(number(x))
				return true, nil
			}
			ok = false
		case 'l':
			s, ok, err = f.readLine()
		case 'a':
			s, err = f.readAll(math.MaxInt)
		default:
			th.argFault(i, "invalid format")
		}
	}
	if err == nil {
		l.readOne(th, s, ok)
	}
	return ok, err
}

func ioWrite(th *thread) int {
	l := &th.st.run.io
	return l.writeTo(th, th.standard(l.output, "output"), 1)
}

func fileWrite(th *thread) int {
	l := &th.st.run.io
	return l.writeTo(th, th.checkFile(1), 2)
}

func (l *ioLib) writeTo(th *thread, f *file, first int) int {
	last := th.args()
	for i := first; i <= last; i++ {
		v := th.arg(i)
		if !joins(v) {
			th.typeFault(i, "string")
		}
		var err error
		if v.isNumber() {
			f.r.scratch = AppendNumber(f.r.scratch[:0], v.num())
			err = f.write(f.r.scratch)
		} else {
			s := v.str().s
			err = f.write(unsafe.Slice(unsafe.StringData(s), len(s)))
		}
		if err != nil {
			return th.result(err, "")
		}
	}
	return th.retBool(true)
}

func fileSeek(th *thread) int {
	f := th.checkFile(1)
	whence := [...]int{io.SeekStart, io.SeekCurrent, io.SeekEnd}[th.checkOption(2, "cur", "set", "cur", "end")]
	var offset int64
	if th.arg(3).p != nil {
		offset = th.checkWide(3)
	}
	n, err := f.seek(offset, whence)
	if err != nil {
		return th.result(err, "")
	}
	return th.retNumber(float64(n))
}

func fileBuffer(th *thread) int {
	f := th.checkFile(1)
	f.eager = th.checkOption(2, "", "no", "full", "line") == 0
	return th.result(f.flush(), "")
}
