package config

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/big"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// printLimit in the environment makes the test binary print the limit that the
// runtime took from GOMEMLIMIT before main.
const printLimit = "HEALTHD_TEST_PRINT_LIMIT"

func TestMain(m *testing.M) {
	if os.Getenv(printLimit) != "" {
		fmt.Println(debug.SetMemoryLimit(-1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// limitStrings are the edges of the grammar, valid and not.
func limitStrings() []string {
	return []string{
		// Units.
		"1", "512", "1B", "512B", "64KiB", "200MiB", "1GiB", "1TiB", "268435456",
		"1G", "256M", "1K", "1T", "100MB", "100KB", "1PiB", "1EiB", "1Ki", "5i", "5iB", "5b",
		"230mib", "230MIB", "230Mib", "230miB", "230kiB",
		"1 GiB", "1GiBB", "1BB", "1KiBKiB", "1KiMiB", "1MiiB",
		"B", "i", "iB", "KiB", "TiB", "Ki", "MiB1", "GiB 1",
		// Numbers.
		"1.5GiB", "1.", ".5", "1e9", "1e9B", "0x10", "0b1", "0o7", "010", "007MiB",
		"1_000", "1,000", "1_0MiB",
		"-1", "-1MiB", "+5", "+5MiB", "++5", "+", "-", "+B", "- 1",
		"90%", "%", "max", "inf", "NaN", "none", "unlimited",
		// Zero, and what parses as it.
		"", "0", "00", "-0", "+0", "0B", "0KiB", "-0TiB",
		// The ends of int64.
		"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
		"9223372036854775807B", "9223372036854775808B",
		"9007199254740991KiB", "9007199254740992KiB", "8796093022207MiB", "8796093022208MiB",
		"8589934591GiB", "8589934592GiB", "8388607TiB", "8388608TiB", "16777216TiB",
		"9223372036854775807TiB",
		"-9223372036854775808", "-9223372036854775809", "000000000000000000000000000000000001MiB",
		strings.Repeat("9", 400), strings.Repeat("0", 400) + "1",
		// off.
		"off", "OFF", "Off", "off ", " off", "offB", "of", "0ff", "off\n",
		// Space, quotes and letters that look the part.
		" ", " 1GiB", "1GiB ", "\t1GiB", "1GiB\n", "1\n", "230 MiB", `"230MiB"`, "'230MiB'",
		"\"230 MiB\"",
		"１２３", "１MiB", "٣MiB", "१B", "1МiB",
		"1\u00a0MiB", "1\u200bMiB", "\ufeff1MiB", "\xff", "1\xffB", "²", "1KİB",
	}
}

// TestParseMemoryLimitAsTheRuntime asks the runtime itself, once per string, in a
// process that has it as GOMEMLIMIT. Parallel subtests bound the processes: -parallel of them.
func TestParseMemoryLimitAsTheRuntime(t *testing.T) {
	t.Parallel()
	exe := os.Args[0] // os.Executable needs /proc on Linux
	if got, want := len(limitStrings()), 45; got < want {
		t.Errorf("strings compared = %d, want %d or more", got, want)
	}
	for _, s := range limitStrings() {
		t.Run(strconv.QuoteToASCII(s), func(t *testing.T) {
			t.Parallel()
			want, wantOK := runtimeLimit(t, exe, s)
			// The two documented differences, and no more than these.
			switch {
			case s == "":
				if want != math.MaxInt64 || !wantOK {
					t.Errorf("the runtime takes an empty GOMEMLIMIT as %d, %v, want no limit", want, wantOK)
				}
				want, wantOK = 0, false
			case wantOK && want == 0:
				wantOK = false
			}
			if got, ok := ParseMemoryLimit(s); got != want || ok != wantOK {
				t.Errorf("ParseMemoryLimit(%q) = %d, %v, want %d, %v", s, got, ok, want, wantOK)
			}
		})
	}
}

// runtimeLimit is what the Go runtime makes of GOMEMLIMIT=s.
func runtimeLimit(t *testing.T, exe, s string) (limit int64, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, exe)
	// Under -race every process would wait a second before it ends.
	cmd.Env = append(os.Environ(), printLimit+"=1", "GOMEMLIMIT="+s, "GORACE=atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		// Anything but the runtime's refusal is a fault of this test.
		refused := strings.Contains(stderr.String(), "malformed GOMEMLIMIT")
		if code := cmd.ProcessState.ExitCode(); code != 2 || !refused {
			t.Fatalf("GOMEMLIMIT=%q: %v, stderr %q, want a limit or exit 2 with malformed GOMEMLIMIT",
				s, err, stderr.String())
		}
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(stdout.String()), 10, 64)
	if err != nil {
		t.Fatalf("GOMEMLIMIT=%q: %v", s, err)
	}
	return n, true
}

// FuzzParseMemoryLimit holds the parser to a pattern and arithmetic that cannot overflow.
func FuzzParseMemoryLimit(f *testing.F) {
	for _, s := range limitStrings() {
		f.Add(s)
	}
	f.Add("1\x00MiB")
	grammar := regexp.MustCompile(`\A([+-]?[0-9]+)(B|KiB|MiB|GiB|TiB|)\z`)
	power := map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
	f.Fuzz(func(t *testing.T, s string) {
		want, wantOK := int64(0), false
		if m := grammar.FindStringSubmatch(s); m != nil {
			n, _ := new(big.Int).SetString(m[1], 10)
			n.Lsh(n, power[m[2]])
			if n.Sign() > 0 && n.IsInt64() {
				want, wantOK = n.Int64(), true
			}
		}
		if s == "off" {
			want, wantOK = math.MaxInt64, true
		}
		if got, ok := ParseMemoryLimit(s); got != want || ok != wantOK {
			t.Errorf("ParseMemoryLimit(%q) = %d, %v, want %d, %v", s, got, ok, want, wantOK)
		}
	})
}
