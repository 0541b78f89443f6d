package fleet

import "testing"

func TestByName(t *testing.T) {
	const token = "hMCZePK2uGNQm63Ceayz6daXj0-ZnLL0"
	for _, tt := range []struct{ text, want string }{
		{"http://10.0.0.1:8080/fetch/exec_1." + token + ":3: boom", "job:3: boom"},
		{"...8WW1VQDMXFQ." + token + ":1: boom", "job:1: boom"},
		{"load: http://h/fetch/exec_1." + token + ":1: unexpected symbol", "load: job:1: unexpected symbol"},
		{"boom", "boom"},
		{"", ""},
	} {
		if got := byName(tt.text, token, "job"); got != tt.want {
			t.Errorf("%q became %q", tt.text, got)
		}
	}
	if got := byName("boom", "", "job"); got != "boom" {
		t.Errorf("without a token %q", got)
	}
}
