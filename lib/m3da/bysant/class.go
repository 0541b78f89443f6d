package bysant

// Class is the kind of an object. Its fields and their contexts are known on
// both sides beforehand; definitions that come with the data are refused, for
// nobody sends them.
type Class uint8

// The classes of M3DA [M3DA 2].
const (
	Envelope            Class = iota // header, payload, footer
	Message                          // path, ticketid, body
	Response                         // ticketid, status, data
	DeltasVector                     // factor, start, deltas
	QuasiPeriodicVector              // period, start, shifts
	classes
)

var fields = [classes][]Context{
	Envelope:            {Listmap, UIS, Listmap},
	Message:             {UIS, UIS, Listmap},
	Response:            {UIS, Number, UIS},
	DeltasVector:        {Number, Number, Listmap},
	QuasiPeriodicVector: {Number, Number, Listmap},
}
