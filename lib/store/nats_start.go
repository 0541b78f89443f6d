package store

// gobPointers makes every start of the program faster. encoding/gob comes with
// nats.go, and when the program starts it asks reflect for the pointer types of
// the slices that it knows. Those that are nowhere in the binary are searched
// for and then made, which is a quarter of its 0.2 ms. OpenNATS keeps them in
// the binary.
var gobPointers = []any{
	(*[]int)(nil), (*[]int8)(nil), (*[]int16)(nil), (*[]int32)(nil), (*[]int64)(nil),
	(*[]uint)(nil), (*[]uint8)(nil), (*[]uint16)(nil), (*[]uint32)(nil), (*[]uint64)(nil),
	(*[]float32)(nil), (*[]float64)(nil), (*[]complex64)(nil), (*[]complex128)(nil),
	(*[]uintptr)(nil), (*[]bool)(nil), (*[]string)(nil),
}
