package probe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// captured reads a reply that a real server sent.
func captured(t testing.TB) []byte {
	t.Helper()
	message, err := os.ReadFile("testdata/ferretdb-1.24.2-hello.bin")
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestParseHello(t *testing.T) {
	t.Parallel()
	yes := document{}.bool("isWritablePrimary", true)
	patch := func(message []byte, offset int, value uint32) []byte {
		message = bytes.Clone(message)
		binary.LittleEndian.PutUint32(message[offset:], value)
		return message
	}
	for _, tt := range []struct {
		name    string
		message []byte
		want    Reason
	}{
		{"primary", primary.message(), ""},
		{"secondary with a primary", secondary.message(), ""},
		{"secondary without a primary", orphan.message(), NotReady},
		{"mongos", mongos.message(), ""},
		{"standalone", standalone.message(), ""},
		{"captured", captured(t), ""},
		{"unknown command", unknownCommand.message(), NotReady},
		{"ok as int32", yes.int32("ok", 1).message(), ""},
		{"ok first", document{}.double("ok", 1).bool("isWritablePrimary", true).message(), ""},
		{"isdbgrid alone", document{}.text("msg", "isdbgrid").double("ok", 1).message(), ""},
		{"ok 0", yes.double("ok", 0).message(), NotReady},
		{"ok 2", yes.int32("ok", 2).message(), NotReady},
		{"ok as int64", yes.long(0x12, "ok", 1).message(), NotReady},
		{"ok as text", yes.text("ok", "1").message(), NotReady},
		{"no ok", yes.message(), NotReady},
		{"ok in a document", yes.embed(0x03, "x", document{}.double("ok", 1)).message(), NotReady},
		{"not writable", document{}.bool("isWritablePrimary", false).double("ok", 1).message(), NotReady},
		{"writable as a number", document{}.int32("isWritablePrimary", 1).double("ok", 1).message(),
			NotReady},
		{"empty primary", document{}.text("primary", "").double("ok", 1).message(), NotReady},
		{"another msg", document{}.text("msg", "isdbgrid2").double("ok", 1).message(), NotReady},
		{"empty document", document{}.message(), NotReady},
		{"a checksum behind", append(primary.message(), 1, 2, 3, 4), ""},

		{"nothing", nil, OtherProtocol},
		{"header alone", primary.message()[:mongoHeader], OtherProtocol},
		{"no document", primary.message()[:mongoHeader+5], OtherProtocol},
		{"cut short", primary.message()[:100], OtherProtocol},
		{"another opCode", patch(primary.message(), 12, 1), OtherProtocol},
		{"an answer to another", patch(primary.message(), 8, 2), OtherProtocol},
		{"another section", patch(primary.message(), mongoHeader+1, 1<<24), OtherProtocol},
		{"document too long", patch(primary.message(), mongoHeader+5, 1<<31-1), OtherProtocol},
		{"document of negative length", patch(primary.message(), mongoHeader+5, 1<<32-1), OtherProtocol},
		{"document too short", patch(primary.message(), mongoHeader+5, 4), OtherProtocol},
		{"unknown type", yes.add(0x42, "x").double("ok", 1).message(), OtherProtocol},
		{"text without its length", yes.add(bsonString, "x", 1, 0).message(), OtherProtocol},
		{"text too long", yes.add(bsonString, "x", 255, 0, 0, 0, 0).message(), OtherProtocol},
		{"text of negative length", yes.add(bsonString, "x", 255, 255, 255, 255, 0).message(),
			OtherProtocol},
		{"text of length 0", yes.add(bsonString, "x", 0, 0, 0, 0).message(), OtherProtocol},
		{"document of length 4", yes.add(0x03, "x", 4, 0, 0, 0).message(), OtherProtocol},
		{"double cut short", yes.add(bsonDouble, "ok", 0, 0, 0).message(), OtherProtocol},
	} {
		if got := isReason(parseHello(tt.message)); got != tt.want {
			t.Errorf("parseHello(%s) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMongoDB(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reply string
		want        Reason
	}{
		{"primary", string(primary.message()), ""},
		{"secondary with a primary", string(secondary.message()), ""},
		{"no primary", string(orphan.message()), NotReady},
		{"mongos", string(mongos.message()), ""},
		{"captured", string(captured(t)), ""},
		{"closes", "", Closed},
		{"closes in the header", "\x10\x00", OtherProtocol},
		{"closes in the body", string(primary.message()[:100]), OtherProtocol},
		{"length too small", "\x0f" + string(primary.message()[1:]), OtherProtocol},
		{"length over the limit", string(document{}.binary("x", make([]byte, maxReply)...).message()),
			OtherProtocol},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", OtherProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, loopback, reply(len(mongoHello), tt.reply)).url("mongodb", "/app?replicaSet=rs0")
			checkResult(t, url, mustParse(t, url).Ask(t.Context()), tt.want)
		})
	}
}

// TestMongoDBHosts: one host that passes is enough, and none waits for another.
func TestMongoDBHosts(t *testing.T) {
	t.Parallel()
	answering := func(d document) string {
		return serve(t, loopback, reply(len(mongoHello), string(d.message()))).Addr().String()
	}
	hole := func() string { return serve(t, loopback, silent).Addr().String() }
	for _, tt := range []struct {
		name, hosts string
		want        Reason
		soon        bool
	}{
		{"two black holes and a primary", hole() + "," + hole() + "," + answering(primary), "", true},
		{"a primary and two black holes", answering(primary) + "," + hole() + "," + hole(), "", true},
		{"nobody, and a secondary", refused(t) + "," + answering(secondary), "", true},
		{"an orphan and a primary", answering(orphan) + "," + answering(primary), "", true},
		{"two orphans", answering(orphan) + "," + answering(orphan), NotReady, true},
		{"nobody, and an orphan", refused(t) + "," + answering(orphan), NotReady, true},
		{"two black holes and an orphan", hole() + "," + answering(orphan) + "," + hole(),
			NotReady, false},
		{"black holes", hole() + "," + hole(), TimedOut, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := "mongodb://user:pass@" + tt.hosts + "/app"
			ctx, cancel := context.WithTimeout(t.Context(), Timeout)
			defer cancel()
			if !tt.soon {
				time.AfterFunc(200*time.Millisecond, cancel)
			}
			got := mustParse(t, url).Ask(ctx)
			checkResult(t, url, got, tt.want)
			if tt.soon && got.Duration > Timeout-time.Second {
				t.Errorf("Ask(%s) took %v, want no wait for the others", tt.name, got.Duration)
			}
		})
	}
}

func FuzzReadMongo(f *testing.F) {
	f.Add(captured(f))
	for _, d := range []document{primary, secondary, orphan, mongos, unknownCommand, {}} {
		f.Add(d.message())
		f.Add(d.message()[:len(d.message())/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readMongo(bufio.NewReader(bytes.NewReader(data)))
		switch reason := reasonOf(t.Context(), err); {
		case err == nil, reason == NotReady, reason == OtherProtocol, reason == Closed:
		default:
			t.Errorf("readMongo(%q) = %v, want a pass or a reason", data, err)
		}
		parseHello(data)
		eachElement(data, func(kind byte, name string, value []byte) {
			if len(value) > len(data) {
				t.Errorf("eachElement(%q) calls with %q of %d bytes", data, name, len(value))
			}
		})
	})
}

// TestMongoHello takes the request apart: a server closes the connection for a bad one.
func TestMongoHello(t *testing.T) {
	t.Parallel()
	request := []byte(mongoHello)
	if got := binary.LittleEndian.Uint32(request); int(got) != len(request) {
		t.Errorf("messageLength = %d, want %d", got, len(request))
	}
	body := request[mongoHeader+5:]
	if got := binary.LittleEndian.Uint32(body); int(got) != len(body) {
		t.Errorf("length of the document = %d, want %d", got, len(body))
	}
	var got []string
	valid := eachElement(body, func(kind byte, name string, value []byte) {
		got = append(got, fmt.Sprintf("%d %s %q", kind, name, value))
	})
	want := []string{`16 hello "\x01\x00\x00\x00"`, `2 $db "admin\x00"`}
	if !valid || !slices.Equal(got, want) {
		t.Errorf("document = %q, valid %v, want %q", got, valid, want)
	}
}
