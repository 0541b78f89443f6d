package sovd

// ValidSchema reports whether a text is a JSON schema.
func ValidSchema(text []byte) bool { _, err := compileSchema(text); return err == nil }

// AnswerOf is the status of the answer that an error gets, and its Retry-After.
func AnswerOf(err error) (status int, retry string) {
	a := answerOf(err)
	return a.status, a.header["Retry-After"]
}
