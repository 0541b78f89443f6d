package fetch

import (
	"fmt"
	"net/netip"
)

// Networks beside those that netip names by itself.
var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")      // reaches this host on many systems
	reserved    = netip.MustParsePrefix("240.0.0.0/4")    // with the broadcast address
	nat64       = netip.MustParsePrefix("64:ff9b::/96")   // an IPv4 address in its last 4 bytes
	nat64Local  = netip.MustParsePrefix("64:ff9b:1::/48") // as above, of the site's own choice
	compatible  = netip.MustParsePrefix("::/96")          // IPv4-compatible, long deprecated
)

// checkAddress is asked for each address right before it is dialled, so that
// neither a name that resolves to something else the second time nor a
// redirect comes past it.
func (o *Options) checkAddress(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, p := range o.Allow {
		if p.Contains(a) {
			return nil
		}
	}
	if o.AllowLoopback && a.IsLoopback() {
		return nil
	}
	if what := forbidden(a); what != "" {
		return fmt.Errorf("%w: %s is %s", ErrAddress, a, what)
	}
	return nil
}

// forbidden says what kind of address a is when nobody should be sent there,
// or "". Private networks are fine: fleets live in them.
func forbidden(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	case a.IsUnspecified(), thisNetwork.Contains(a):
		return "no address of a host"
	case reserved.Contains(a), compatible.Contains(a), nat64Local.Contains(a):
		return "a reserved address"
	case nat64.Contains(a):
		b := a.As16()
		return forbidden(netip.AddrFrom4([4]byte(b[12:])))
	}
	return ""
}
