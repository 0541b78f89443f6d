package fleet

// Disconnect cuts the session of a device.
func (f *Fleet) Disconnect(id string) {
	f.mu.Lock()
	var c *connection
	if d := f.devices[id]; d != nil {
		c = d.conn
	}
	f.mu.Unlock()
	if c != nil {
		c.close()
	}
}
