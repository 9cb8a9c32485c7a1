package probe

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

func TestParsePong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want Reason
	}{
		{"+PONG\r\n", ""},
		{"+PONG\n", ""},
		{"-NOAUTH Authentication required.\r\n", ""},
		{"-NOPERM this user has no permissions to run the 'ping' command\r\n", ""},
		{"-WRONGPASS invalid username-password pair or user is disabled.\r\n", ""},
		{"-NOAUTH\r\n", ""},
		{"-LOADING Redis is loading the dataset in memory\r\n", NotReady},
		{"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
			NotReady},
		{"-DENIED Redis is running in protected mode because protected mode is enabled\r\n", NotReady},
		{"-ERR max number of clients reached\r\n", NotReady},
		{"-NOAUTHX\r\n", NotReady},
		{"-\r\n", NotReady},
		{"+PONG \r\n", OtherProtocol},
		{"+pong\r\n", OtherProtocol},
		{"+OK\r\n", OtherProtocol},
		{"$4\r\n", OtherProtocol},
		{"NOAUTH\r\n", OtherProtocol},
		{"\r\n", OtherProtocol},
		{"HTTP/1.1 400 Bad Request\r\n", OtherProtocol},
		{"220 smtp.example.org ESMTP\r\n", OtherProtocol},
	} {
		if got := isReason(parsePong(tt.line)); got != tt.want {
			t.Errorf("parsePong(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reply string
		want        Reason
	}{
		{"up", "+PONG\r\n", ""},
		{"with a password", "-NOAUTH Authentication required.\r\n", ""},
		{"loading", "-LOADING Redis is loading the dataset in memory\r\n", NotReady},
		{"closes", "", Closed},
		{"cut short", "+PON", OtherProtocol},
		{"over the limit", strings.Repeat("+PONG", maxReply), OtherProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, loopback, reply(len(redisPing), tt.reply)).url("redis", "/0")
			checkResult(t, url, mustParse(t, url).Ask(t.Context()), tt.want)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		url := "redis://" + refused(t)
		checkResult(t, url, mustParse(t, url).Ask(t.Context()), Refused)
	})
	t.Run("reset", func(t *testing.T) {
		t.Parallel()
		reset := func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }
		url := serve(t, loopback, reset).url("redis", "")
		checkResult(t, url, mustParse(t, url).Ask(t.Context()), Closed)
	})
}

func TestTCP(t *testing.T) {
	t.Parallel()
	url := serve(t, loopback, silent).url("tcp", "")
	checkResult(t, url, mustParse(t, url).Ask(t.Context()), "")
	url = "tcp://" + refused(t)
	checkResult(t, url, mustParse(t, url).Ask(t.Context()), Refused)
}

func FuzzReadRedis(f *testing.F) {
	for _, seed := range []string{
		"", "\r\n", "+PONG\r\n", "+PONG", "-NOAUTH x\r\n", "-NOPERM\n", "-WRONGPASS \r\n", "-LOADING\r\n",
		"-", "*1\r\n$4\r\nPONG\r\n",
		strings.Repeat("+", maxReply),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := readRedis(bufio.NewReader(strings.NewReader(text)))
		switch isReason(err) {
		case NotReady, Closed, OtherProtocol:
		case "":
			if err != nil || !strings.HasPrefix(text, "+PONG") && !strings.HasPrefix(text, "-") {
				t.Errorf("readRedis(%q) = %v, want a pass only for +PONG and errors", text, err)
			}
		default:
			t.Errorf("readRedis(%q) = %v, want another reason", text, err)
		}
	})
}
