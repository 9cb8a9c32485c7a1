package probe

import (
	"bufio"
	"strings"
)

var redisProtocol = &protocol{kind: "datastore", defaultPort: "6379", read: readRedis}

// redisPing is PING as an array of bulk strings, the one form that every proxy takes too.
const redisPing = "*1\r\n$4\r\nPING\r\n"

func readRedis(r *bufio.Reader) (int, error) {
	line, err := readLine(r)
	if err != nil {
		return 0, err
	}
	return 0, parsePong(line)
}

// parsePong returns nil if the reply to PING shows that the server works. A server that
// asks for a password first works too. LOADING, MASTERDOWN, DENIED and all
// other errors are [NotReady].
func parsePong(line string) error {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "+PONG" {
		return nil
	}
	message, isError := strings.CutPrefix(line, "-")
	if !isError {
		return OtherProtocol
	}
	switch code, _, _ := strings.Cut(message, " "); code {
	case "NOAUTH", "NOPERM", "WRONGPASS":
		return nil
	}
	return NotReady
}
