package sovd

// ValidSchema reports whether a text is a JSON schema.
func ValidSchema(text []byte) bool { _, err := compileSchema(text); return err == nil }
