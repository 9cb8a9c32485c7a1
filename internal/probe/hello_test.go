package probe

import (
	"encoding/binary"
	"math"
)

// document is a BSON document under construction.
type document []byte

func (d document) add(kind byte, name string, value ...byte) document {
	return append(append(append(d[:len(d):len(d)], kind), name+"\x00"...), value...)
}

func (d document) double(name string, v float64) document {
	return d.add(bsonDouble, name, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))...)
}

func (d document) text(name, v string) document {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(v)+1))
	return d.add(bsonString, name, append(length, v+"\x00"...)...)
}

func (d document) bool(name string, v bool) document {
	if v {
		return d.add(bsonBool, name, 1)
	}
	return d.add(bsonBool, name, 0)
}

func (d document) int32(name string, v uint32) document {
	return d.add(bsonInt32, name, binary.LittleEndian.AppendUint32(nil, v)...)
}

// long adds an int64, or another type of 8 bytes.
func (d document) long(kind byte, name string, v uint64) document {
	return d.add(kind, name, binary.LittleEndian.AppendUint64(nil, v)...)
}

func (d document) embed(kind byte, name string, v document) document {
	return d.add(kind, name, v.bytes()...)
}

func (d document) binary(name string, v ...byte) document {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(v)))
	return d.add(0x05, name, append(append(length, 0), v...)...)
}

func (d document) objectID(name string) document {
	return d.add(0x07, name, []byte("\x67\x44\x8f\x01\x02\x03\x04\x05\x06\x07\x08\x09")...)
}

// bytes returns the finished document.
func (d document) bytes() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(d)+5))
	return append(append(b, d...), 0)
}

// message returns the document as the reply to mongoHello.
func (d document) message() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(mongoHeader+5+len(d)+5))
	b = binary.LittleEndian.AppendUint32(b, 4711) // requestID
	b = binary.LittleEndian.AppendUint32(b, 1)    // responseTo
	b = binary.LittleEndian.AppendUint32(b, mongoMsg)
	return append(append(b, 0, 0, 0, 0, 0), d.bytes()...)
}

// The replies of MongoDB 7 to hello, with every field that it documents and each in its
// type and order: https://www.mongodb.com/docs/manual/reference/command/hello/.
var (
	hosts = document{}.text("0", "db1.example.org:27017").text("1", "db2.example.org:27017").
		text("2", "db3.example.org:27017")
	begin = document{}.
		embed(0x03, "topologyVersion", document{}.objectID("processId").long(0x12, "counter", 6)).
		embed(0x04, "hosts", hosts).
		text("setName", "rs0").
		int32("setVersion", 1)

	primary = end(begin.bool("isWritablePrimary", true).bool("secondary", false).
		text("primary", "db1.example.org:27017").text("me", "db1.example.org:27017").
		objectID("electionId"))
	secondary = end(begin.bool("isWritablePrimary", false).bool("secondary", true).
			text("primary", "db1.example.org:27017").text("me", "db2.example.org:27017"))
	// Without a primary the field is not there.
	orphan = end(begin.bool("isWritablePrimary", false).bool("secondary", true).
		text("me", "db2.example.org:27017"))
	mongos = end(document{}.bool("isWritablePrimary", true).text("msg", "isdbgrid").
		embed(0x03, "topologyVersion", document{}.objectID("processId").long(0x12, "counter", 0)))
	standalone = end(document{}.bool("isWritablePrimary", true).
			embed(0x03, "topologyVersion", document{}.objectID("processId").long(0x12, "counter", 0)))
	// The type of "ok" in an error is a double too.
	unknownCommand = document{}.double("ok", 0).text("errmsg", "no such command: 'hello'").
			int32("code", 59).text("codeName", "CommandNotFound")
)

// end adds what all roles have at the end.
func end(d document) document {
	opTime := document{}.long(0x11, "ts", 7_440_000_000_000_000_001).long(0x12, "t", 1)
	return d.
		embed(0x03, "lastWrite", document{}.
			embed(0x03, "opTime", opTime).
			long(0x09, "lastWriteDate", 1_732_400_000_000)).
		int32("maxBsonObjectSize", 16777216).
		int32("maxMessageSizeBytes", 48000000).
		int32("maxWriteBatchSize", 100000).
		long(0x09, "localTime", 1_732_400_000_000).
		int32("logicalSessionTimeoutMinutes", 30).
		int32("connectionId", 6).
		int32("minWireVersion", 0).
		int32("maxWireVersion", 21).
		bool("readOnly", false).
		double("ok", 1).
		embed(0x03, "$clusterTime", document{}.long(0x11, "clusterTime", 7_440_000_000_000_000_001).
			embed(0x03, "signature", document{}.binary("hash", make([]byte, 20)...).long(0x12, "keyId", 0))).
		long(0x11, "operationTime", 7_440_000_000_000_000_001)
}
