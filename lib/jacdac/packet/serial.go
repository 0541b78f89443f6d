package packet

// Bytes of the serial framing, each after an escape byte. [JD 3]
const (
	serialEscape     = 0xfe
	serialLiteral    = 0xf8 // the escape byte itself
	serialIgnore     = 0xf9
	serialTextLost   = 0xfa // log text was dropped
	serialFramesLost = 0xfb // frames were dropped
	serialStart      = 0xfc
	serialEnd        = 0xfd
)

// Loss counts what a serial line says it had to drop.
type Loss struct {
	Text, Frames uint64 // times
}

// Serial takes a serial line apart: frames, and the log text around them,
// which may be cut anywhere. Give it the bytes as they come.
type Serial struct {
	Frame func(b []byte) // a whole frame's bytes, unchecked; good during the call
	Text  func(b []byte) // log text; good during the call

	Loss Loss

	frame   []byte
	inFrame bool
	escaped bool
	text    []byte
}

// Write takes the next bytes of the line. It never fails.
func (s *Serial) Write(b []byte) (int, error) {
	for _, c := range b {
		s.take(c)
	}
	s.flush()
	return len(b), nil
}

func (s *Serial) flush() {
	if len(s.text) > 0 && s.Text != nil {
		s.Text(s.text)
	}
	s.text = s.text[:0]
}

func (s *Serial) take(c byte) {
	if !s.escaped {
		switch {
		case c == serialEscape:
			s.escaped = true
		case s.inFrame:
			s.add(c)
		default:
			s.text = append(s.text, c)
		}
		return
	}
	s.escaped = false
	switch c {
	case serialLiteral:
		if s.inFrame {
			s.add(serialEscape)
		} else {
			s.text = append(s.text, serialEscape)
		}
	case serialIgnore:
	case serialTextLost:
		s.Loss.Text++
	case serialFramesLost:
		s.Loss.Frames++
	case serialStart:
		s.abort()
		s.inFrame = true
	case serialEnd:
		if s.inFrame {
			s.flush() // the text before it came before it
			if s.Frame != nil {
				s.Frame(s.frame)
			}
		}
		s.frame, s.inFrame = s.frame[:0], false
	default:
		// In text a literal escape byte; in a frame the end of trusting it.
		s.abort()
		s.text = append(s.text, serialEscape, c)
	}
}

// abort takes a frame that was begun for text, which it must have been.
func (s *Serial) abort() {
	s.text = append(s.text, s.frame...)
	s.frame, s.inFrame = s.frame[:0], false
}

func (s *Serial) add(c byte) {
	s.frame = append(s.frame, c)
	if len(s.frame) > MaxFrame {
		s.abort()
	}
}

// AppendSerial appends a frame's bytes in the serial framing.
func AppendSerial(dst, frame []byte) []byte {
	dst = append(dst, serialEscape, serialStart)
	for _, c := range frame {
		dst = append(dst, c)
		if c == serialEscape {
			dst = append(dst, serialLiteral)
		}
	}
	return append(dst, serialEscape, serialEnd)
}
