package probe

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

var mongoProtocol = &protocol{kind: "datastore", defaultPort: "27017", read: readMongo}

const (
	mongoHeader = 16   // bytes: messageLength, requestID, responseTo, opCode
	mongoMsg    = 2013 // OP_MSG
)

// mongoHello is the command {hello: 1, $db: "admin"} as an OP_MSG with the request ID 1.
// Servers answer it before any login.
const mongoHello = "\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00" + // header
	"\x00\x00\x00\x00\x00" + // flags; a section of the kind "body"
	"\x1f\x00\x00\x00" + // length of the document
	"\x10hello\x00\x01\x00\x00\x00" +
	"\x02$db\x00\x06\x00\x00\x00admin\x00" +
	"\x00"

func readMongo(r *bufio.Reader) (int, error) {
	var header [mongoHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, cutShort(err)
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length < mongoHeader || length > maxReply {
		return 0, OtherProtocol
	}
	message := make([]byte, length)
	copy(message, header[:])
	if _, err := io.ReadFull(r, message[mongoHeader:]); err != nil {
		return 0, cutShort(err)
	}
	return 0, parseHello(message)
}

// cutShort returns [OtherProtocol] for a reply that ended too early.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return OtherProtocol
	}
	return err
}

// parseHello returns nil if the reply to hello shows a server that can serve a driver: a
// primary, a member of a replica set that has one, or a mongos. Everything else that a
// server says is [NotReady].
func parseHello(message []byte) error {
	const body = mongoHeader + 5 // after the flags and the kind of the section
	if len(message) < body ||
		binary.LittleEndian.Uint32(message[8:]) != 1 || // responseTo
		binary.LittleEndian.Uint32(message[12:]) != mongoMsg ||
		message[body-1] != 0 {
		return OtherProtocol
	}
	var ok, serves bool
	valid := eachElement(message[body:], func(kind byte, name string, value []byte) {
		switch name {
		case "ok":
			ok = isOne(kind, value)
		case "isWritablePrimary":
			serves = serves || kind == bsonBool && value[0] == 1
		case "primary":
			serves = serves || kind == bsonString && len(value) > 1
		case "msg":
			serves = serves || kind == bsonString && string(value) == "isdbgrid\x00"
		}
	})
	switch {
	case !valid:
		return OtherProtocol
	case !ok || !serves:
		return NotReady
	}
	return nil
}

// isOne reports whether a number is 1. Servers send "ok" as a double, some compatible
// servers as an int32.
func isOne(kind byte, value []byte) bool {
	switch kind {
	case bsonDouble:
		return math.Float64frombits(binary.LittleEndian.Uint64(value)) == 1
	case bsonInt32:
		return binary.LittleEndian.Uint32(value) == 1
	}
	return false
}
