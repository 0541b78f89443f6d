package fetch

import (
	"errors"
	"net/netip"
	"testing"
)

func TestCheckAddress(t *testing.T) {
	prefixes := func(ps ...string) (out []netip.Prefix) {
		for _, p := range ps {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	agent := Options{}
	cli := Options{AllowLoopback: true}
	some := Options{Allow: prefixes("127.0.0.0/30", "fe80::/10", "169.254.7.0/24")}
	tests := []struct {
		addr             string
		agent, cli, some bool
	}{
		{"93.184.216.34", true, true, true},
		{"10.1.2.3", true, true, true},
		{"192.168.0.1", true, true, true},
		{"100.64.0.1", true, true, true},
		{"2001:db8::1", true, true, true},
		{"fd00::1", true, true, true},
		{"127.0.0.1", false, true, true},
		{"127.255.255.254", false, true, false},
		{"::1", false, true, false},
		{"::ffff:127.0.0.1", false, true, true},
		{"::ffff:169.254.169.254", false, false, false},
		{"::ffff:10.0.0.1", true, true, true},
		{"169.254.169.254", false, false, false},
		{"169.254.7.9", false, false, true},
		{"fe80::1", false, false, true},
		{"fe80::1%eth0", false, false, true},
		{"224.0.0.1", false, false, false},
		{"ff02::1", false, false, false},
		{"0.0.0.0", false, false, false},
		{"0.1.2.3", false, false, false},
		{"::", false, false, false},
		{"::7f00:1", false, false, false},
		{"255.255.255.255", false, false, false},
		{"240.0.0.1", false, false, false},
		{"64:ff9b::7f00:1", false, false, false},
		{"64:ff9b::a9fe:a9fe", false, false, false},
		{"64:ff9b::5db8:d822", true, true, true},
		{"64:ff9b:1::1", false, false, false},
	}
	for _, tt := range tests {
		for _, who := range []struct {
			name string
			o    Options
			want bool
		}{{"agent", agent, tt.agent}, {"cli", cli, tt.cli}, {"some", some, tt.some}} {
			err := who.o.checkAddress(netip.MustParseAddr(tt.addr))
			if (err == nil) != who.want || err != nil && !errors.Is(err, ErrAddress) {
				t.Errorf("%s for %s: %v, want allowed %v", tt.addr, who.name, err, who.want)
			}
		}
	}
}
