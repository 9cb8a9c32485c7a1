package probe

import (
	"bytes"
	"encoding/binary"
)

// Types of BSON elements (bsonspec.org).
const (
	bsonDouble = 0x01
	bsonString = 0x02
	bsonBool   = 0x08
	bsonInt32  = 0x10
)

// eachElement calls f with each element at the top level of the document that data starts
// with. A string's value is without its length but with its final NUL. It reports whether
// the document is well-formed, and may have called f if it is not.
func eachElement(data []byte, f func(kind byte, name string, value []byte)) bool {
	if len(data) < 5 {
		return false
	}
	length := binary.LittleEndian.Uint32(data)
	if length < 5 || uint64(length) > uint64(len(data)) {
		return false
	}
	rest := data[4:length]
	for {
		kind := rest[0]
		rest = rest[1:]
		if kind == 0 {
			return len(rest) == 0
		}
		name, after, found := bytes.Cut(rest, []byte{0})
		if !found {
			return false
		}
		size, ok := valueSize(kind, after)
		// At least the NUL that ends the document must be left.
		if !ok || size >= len(after) {
			return false
		}
		value := after[:size]
		if kind == bsonString {
			value = value[4:]
		}
		f(kind, string(name), value)
		rest = after[size:]
	}
}

// valueSize returns how many bytes the value at the start of data has. The size may be
// more than there is.
func valueSize(kind byte, data []byte) (size int, ok bool) {
	switch kind {
	case bsonDouble, 0x09, 0x11, 0x12: // also date, timestamp, int64
		return 8, true
	case bsonBool:
		return 1, true
	case bsonInt32:
		return 4, true
	case 0x07: // object ID
		return 12, true
	case 0x13: // decimal128
		return 16, true
	case 0x06, 0x0a, 0x7f, 0xff: // undefined, null, max key, min key
		return 0, true
	case bsonString, 0x0d, 0x0e: // also code, symbol
		return lengthPrefixed(data, 4, 1)
	case 0x03, 0x04, 0x0f: // document, array, code with scope
		return lengthPrefixed(data, 0, 5)
	case 0x05: // binary, with a byte for its subtype
		return lengthPrefixed(data, 5, 0)
	}
	return 0, false // regular expressions and database pointers, which no reply has
}

// lengthPrefixed returns n + extra, where n is the int32 at the start of data. It must be at
// least minimum.
func lengthPrefixed(data []byte, extra, minimum int) (size int, ok bool) {
	if len(data) < 4 {
		return 0, false
	}
	n := int(int32(binary.LittleEndian.Uint32(data)))
	if n < minimum || n > maxReply {
		return 0, false
	}
	return n + extra, true
}
