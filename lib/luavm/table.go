package luavm

import (
	"math"
	"math/bits"
	"unsafe"
)

// table is a Lua table laid out as PUC Lua lays it out: an array for the
// keys 1..n and a chained scatter table with Brent's variation for the rest.
// Keeping the same sizes and positions makes #t of tables with holes and the
// order of pairs come out as there.
type table struct {
	head
	absent uint8 // metamethods known to be missing, as bits
	weak   uint8 // as the last collection found __mode
	arr    []value
	nodes  []node // power of two, or the shared empty one
	free   int    // all nodes from here on are in use
	meta   *table
}

// node is a place for a key. kn is the payload of the key; for strings it is
// the hash with stringMark, which tells most strings apart at once.
type node struct {
	val  value
	kp   unsafe.Pointer
	kn   uint64
	next int32 // offset to the next node of the chain; 0 ends it
}

const (
	stringMark = 1 << 40
	maxArray   = 1 << 26
)

// noNodes stands for a missing hash part; it is never written.
var noNodes = make([]node, 1)

func (t *table) hasNodes() bool { return &t.nodes[0] != &noNodes[0] }

func (n *node) key() value {
	if n.kp == unsafe.Pointer(&numberHead) || n.kp == unsafe.Pointer(&boolHead) {
		return value{n.kp, n.kn}
	}
	return value{p: n.kp}
}

// keyWords gives the words that a key is stored as.
func keyWords(k value) (unsafe.Pointer, uint64) {
	if k.is(kindString) {
		return k.p, uint64(k.str().hash()) | stringMark
	}
	return k.p, k.n
}

func (n *node) equals(p unsafe.Pointer, kn uint64) bool {
	if n.kn != kn {
		return n.kp == p && p == unsafe.Pointer(&numberHead) && math.Float64frombits(n.kn) == math.Float64frombits(kn)
	}
	if n.kp == p {
		return true
	}
	if kn&stringMark == 0 || n.kp == nil || (*head)(p).kind != kindString {
		return false
	}
	return (*head)(n.kp).kind == kindString && (*str)(n.kp).s == (*str)(p).s
}

// main returns the index of the node where a key belongs.
func (t *table) main(p unsafe.Pointer, kn uint64) int {
	size := uint32(len(t.nodes))
	switch (*head)(p).kind {
	case kindString, kindBool:
		return int(uint32(kn) & (size - 1))
	case kindNumber:
		if math.Float64frombits(kn) == 0 {
			return 0
		}
		return int((uint32(kn) + uint32(kn>>32)) % ((size - 1) | 1))
	}
	return int((*head)(p).id % ((size - 1) | 1))
}

// identify gives an object the number that stands for its address.
func (st *state) identify(k value) {
	switch k.kind() {
	case kindTable, kindClosure, kindNative, kindUserdata, kindThread:
		if h := (*head)(k.p); h.flags&flagHashed == 0 {
			st.ids += 0x9e3779b1
			h.id = st.ids
			h.flags |= flagHashed
		}
	}
}

func (t *table) find(p unsafe.Pointer, kn uint64) *value {
	i := t.main(p, kn)
	for {
		n := &t.nodes[i]
		if n.equals(p, kn) {
			return &n.val
		}
		if n.next == 0 {
			return nil
		}
		i += int(n.next)
	}
}

// get returns the value of a key, nil if there is none.
func (t *table) get(k value) value {
	switch {
	case k.p == nil:
		return value{}
	case k.isNumber():
		if i := int(k.num()); float64(i) == k.num() && uint(i-1) < uint(len(t.arr)) {
			return t.arr[i-1]
		}
	case k.is(kindString):
		return t.getString(k.str())
	}
	if !t.hasNodes() {
		return value{}
	}
	if v := t.find(keyWords(k)); v != nil {
		return *v
	}
	return value{}
}

func (t *table) getString(k *str) value {
	h := k.hash()
	i := int(h) & (len(t.nodes) - 1)
	kn := uint64(h) | stringMark
	for {
		n := &t.nodes[i]
		if n.kp == unsafe.Pointer(k) {
			return n.val
		}
		if n.kn == kn && n.kp != nil && (*head)(n.kp).kind == kindString && (*str)(n.kp).s == k.s {
			return n.val
		}
		if n.next == 0 {
			return value{}
		}
		i += int(n.next)
	}
}

// slotString is slot for a string.
func (t *table) slotString(k *str) *value {
	h := k.hash()
	i := int(h) & (len(t.nodes) - 1)
	kn := uint64(h) | stringMark
	for {
		n := &t.nodes[i]
		if n.kp == unsafe.Pointer(k) {
			return &n.val
		}
		if n.kn == kn && n.kp != nil && (*head)(n.kp).kind == kindString && (*str)(n.kp).s == k.s {
			return &n.val
		}
		if n.next == 0 {
			return nil
		}
		i += int(n.next)
	}
}

func (t *table) getInt(i int) value {
	if uint(i-1) < uint(len(t.arr)) {
		return t.arr[i-1]
	}
	return t.get(number(float64(i)))
}

// slot returns where the value of an existing key is, or nil.
func (t *table) slot(k value) *value {
	if k.isNumber() {
		if i := int(k.num()); float64(i) == k.num() && uint(i-1) < uint(len(t.arr)) {
			return &t.arr[i-1]
		}
	}
	if k.p == nil || !t.hasNodes() {
		return nil
	}
	return t.find(keyWords(k))
}

// set stores a value; the key is neither nil nor NaN.
func (t *table) set(st *state, k, v value) {
	t.absent = 0
	if s := t.slot(k); s != nil {
		*s = v
		return
	}
	*t.newKey(st, k) = v // even nil takes a place, as in PUC
}

func (t *table) setInt(st *state, i int, v value) {
	if uint(i-1) < uint(len(t.arr)) {
		t.arr[i-1] = v
		return
	}
	t.set(st, number(float64(i)), v)
}

func (t *table) setString(st *state, k string, v value) { t.set(st, st.string(k), v) }

func (t *table) freePos() int {
	for t.free > 0 {
		t.free--
		if t.nodes[t.free].kp == nil {
			return t.free
		}
	}
	return -1
}

// newKey makes a place for a key that is not there.
func (t *table) newKey(st *state, k value) *value {
	st.identify(k)
	p, kn := keyWords(k)
	mp := t.main(p, kn)
	if t.nodes[mp].val.p != nil || !t.hasNodes() {
		n := t.freePos()
		if n < 0 {
			t.rehash(st, k)
			if s := t.slot(k); s != nil {
				return s
			}
			return t.newKey(st, k)
		}
		there := &t.nodes[mp]
		if other := t.main(there.kp, there.kn); other != mp {
			// The node there belongs elsewhere: it moves to the free place.
			for other+int(t.nodes[other].next) != mp {
				other += int(t.nodes[other].next)
			}
			t.nodes[other].next = int32(n - other)
			t.nodes[n] = *there
			if there.next != 0 {
				t.nodes[n].next += int32(mp - n)
			}
			there.next = 0
			there.val = value{}
		} else {
			free := &t.nodes[n]
			free.next = 0
			if there.next != 0 {
				free.next = int32(mp + int(there.next) - n)
			}
			there.next = int32(n - mp)
			mp = n
		}
	}
	n := &t.nodes[mp]
	n.kp, n.kn = p, kn
	return &n.val
}

// arrayIndex returns a key that may be in the array, or 0.
func arrayIndex(k value) int {
	if k.isNumber() {
		if f := k.num(); f >= 1 && f <= maxArray && f == math.Floor(f) {
			return int(f)
		}
	}
	return 0
}

func ceilLog2(n int) int { return bits.Len(uint(n - 1)) }

// rehash grows the table for one more key: the array becomes the largest
// that is more than half full, the rest goes to the nodes.
func (t *table) rehash(st *state, extra value) {
	var nums [28]int
	total, ints := 1, 0
	count := func(k value) {
		if i := arrayIndex(k); i > 0 {
			nums[ceilLog2(i)]++
			ints++
		}
	}
	for lg, lo := 0, 1; lo <= len(t.arr); lg++ {
		hi := min(1<<lg, len(t.arr))
		for ; lo <= hi; lo++ {
			if t.arr[lo-1].p != nil {
				nums[lg]++
				ints++
				total++
			}
		}
	}
	for i := range t.nodes {
		if n := &t.nodes[i]; n.val.p != nil {
			count(n.key())
			total++
		}
	}
	count(extra)
	size, inArray := 0, 0
	for i, a, two := 0, 0, 1; two/2 < ints; i, two = i+1, two*2 {
		if nums[i] > 0 {
			a += nums[i]
			if a > two/2 {
				size, inArray = two, a
			}
		}
		if a == ints {
			break
		}
	}
	t.resize(st, size, total-inArray)
}

// resize gives the table an array of narr items and nodes for nhash keys.
func (t *table) resize(st *state, narr, nhash int) {
	oldArr, oldNodes := t.arr, t.nodes
	size := 0
	if nhash > 0 {
		size = 1 << ceilLog2(nhash)
	}
	st.charge((max(narr-len(oldArr), 0))*int(unsafe.Sizeof(value{})) + size*int(unsafe.Sizeof(node{})))
	if narr > len(oldArr) {
		t.arr = make([]value, narr)
		copy(t.arr, oldArr)
	}
	if size == 0 {
		t.nodes, t.free = noNodes, 0
	} else {
		t.nodes, t.free = make([]node, size), size
	}
	if narr < len(oldArr) {
		t.arr = append([]value(nil), oldArr[:narr]...)
		for i := narr; i < len(oldArr); i++ {
			if oldArr[i].p != nil {
				t.set(st, number(float64(i+1)), oldArr[i])
			}
		}
	}
	for i := len(oldNodes) - 1; i >= 0; i-- {
		if n := &oldNodes[i]; n.val.p != nil {
			t.set(st, n.key(), n.val)
		}
	}
}

// length returns a border: n with t[n] not nil and t[n+1] nil, or 0.
func (t *table) length() int {
	j := len(t.arr)
	if j > 0 && t.arr[j-1].p == nil {
		i := 0
		for j-i > 1 {
			if m := (i + j) / 2; t.arr[m-1].p == nil {
				j = m
			} else {
				i = m
			}
		}
		return i
	}
	if !t.hasNodes() {
		return j
	}
	i := j
	j++
	for t.getInt(j).p != nil {
		i = j
		if j > math.MaxInt32/2 {
			for i = 1; t.getInt(i).p != nil; i++ {
			}
			return i - 1
		}
		j *= 2
	}
	for j-i > 1 {
		if m := (i + j) / 2; t.getInt(m).p == nil {
			j = m
		} else {
			i = m
		}
	}
	return i
}

// next returns the key and value after k, the first for nil; ok is false
// when k is no key of the table. At the end the key is nil.
func (t *table) next(k value) (key, val value, ok bool) {
	i := 0
	if k.p != nil {
		if i = t.position(k); i < 0 {
			return value{}, value{}, false
		}
	}
	for ; i < len(t.arr); i++ {
		if t.arr[i].p != nil {
			return number(float64(i + 1)), t.arr[i], true
		}
	}
	for i -= len(t.arr); i < len(t.nodes); i++ {
		if n := &t.nodes[i]; n.val.p != nil {
			return n.key(), n.val, true
		}
	}
	return value{}, value{}, true
}

// position returns the place after that of key k in the order of next.
func (t *table) position(k value) int {
	if i := arrayIndex(k); i > 0 && i <= len(t.arr) {
		return i
	}
	p, kn := keyWords(k)
	for i := t.main(p, kn); ; {
		n := &t.nodes[i]
		if n.equals(p, kn) {
			return len(t.arr) + i + 1
		}
		if n.next == 0 {
			return -1
		}
		i += int(n.next)
	}
}
