package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"testing"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, host         string
		listen, url, local string
	}{
		{"every address", "", ":4000", "http://0.0.0.0:4000", "[127.0.0.1:4000 [::1]:4000]"},
		{"every IPv4 address", "0.0.0.0", "0.0.0.0:4000", "http://0.0.0.0:4000", "[127.0.0.1:4000]"},
		{"every IPv6 address", "::", "[::]:4000", "http://[::]:4000", "[127.0.0.1:4000 [::1]:4000]"},
		{"IPv4 loopback", "127.0.0.1", "127.0.0.1:4000", "http://127.0.0.1:4000", "[127.0.0.1:4000]"},
		{"IPv6 loopback", "::1", "[::1]:4000", "http://[::1]:4000", "[[::1]:4000]"},
		{"localhost", "localhost", "127.0.0.1:4000", "http://127.0.0.1:4000", "[127.0.0.1:4000]"},
		{"one address", "192.0.2.7", "192.0.2.7:4000", "http://192.0.2.7:4000", "[192.0.2.7:4000]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, err := LoadAddress(env(map[string]string{"HOST": tt.host}), noDotenv(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := a.String(); got != tt.listen {
				t.Errorf("String() = %q, want %q", got, tt.listen)
			}
			if got := a.URL(); got != tt.url {
				t.Errorf("URL() = %q, want %q", got, tt.url)
			}
			if got := fmt.Sprint(a.Local()); got != tt.local {
				t.Errorf("Local() = %q, want %q", got, tt.local)
			}
		})
	}
}

// TestLoadAddress breaks every other key: the self-probe must not fail for them.
func TestLoadAddress(t *testing.T) {
	t.Parallel()
	broken, file := map[string]string{}, "HOST=::1\nPORT=4001\n"
	for _, key := range askedKeys(t) {
		if key != "HOST" && key != "PORT" {
			broken[key] = "\x00 broken"
			file += key + "=broken\n"
		}
	}
	want := Address{Host: netip.IPv6Loopback(), Port: 4001}

	var asked []string
	lookup := func(key string) string {
		asked = append(asked, key)
		return broken[key]
	}
	got, err := LoadAddress(lookup, writeDotenv(t, file))
	if err != nil || got != want {
		t.Errorf("LoadAddress() = %v, %v, want %v", got, err, want)
	}
	slices.Sort(asked)
	only := []string{"HEALTHD_HOST", "HEALTHD_PORT", "HOST", "PORT"}
	if asked = slices.Compact(asked); !slices.Equal(asked, only) {
		t.Errorf("LoadAddress asked for %q, want %q", asked, only)
	}
	// The same input must be able to fail.
	if _, err := Load(env(broken), writeDotenv(t, file), false); err == nil {
		t.Error("Load() with every other key broken = nil, want an error")
	}

	_, err = LoadAddress(env(map[string]string{"HOST": "nowhere", "PORT": "http"}), noDotenv(t))
	wantLines(t, err, `HOST: "nowhere" is not `, `PORT: "http" is not `)
}

// TestLoadAddressPrefix: where HEALTHD_PORT is set, the other variables and .env may be those of
// a command.
func TestLoadAddressPrefix(t *testing.T) {
	t.Parallel()
	const lostQuote = "SECRET=\"" + secret + "\n"
	for _, tt := range []struct {
		name            string
		env             map[string]string
		dotenv          string
		host, port, err string
	}{
		{"port alone", map[string]string{"HEALTHD_PORT": "4040"}, "", "", "4040", ""},
		{"the app's port", map[string]string{"HEALTHD_PORT": "4040", "PORT": "/run/app.sock"},
			lostQuote, "", "4040", ""},
		{"the app's host", map[string]string{"HEALTHD_PORT": "4040", "HOST": "api.example.com"},
			"", "", "4040", ""},
		{"a multicast host", map[string]string{"HEALTHD_PORT": "4040", "HOST": "224.0.0.1"},
			"", "", "4040", ""},
		{"a host", map[string]string{"HEALTHD_PORT": "4040", "HOST": "192.0.2.7"},
			lostQuote, "192.0.2.7", "4040", ""},
		{"a host in .env", map[string]string{"HEALTHD_PORT": "4040"},
			"HOST=192.0.2.7\nPORT=x\n", "192.0.2.7", "4040", ""},
		{"both hosts", map[string]string{
			"HEALTHD_PORT": "4040", "HEALTHD_HOST": "::1", "HOST": "192.0.2.7",
		}, "", "::1", "4040", ""},
		{"port in .env", nil, "HEALTHD_PORT=4040\nPORT=4041\n", "", "4040", ""},
		{"host alone", map[string]string{"HEALTHD_HOST": "::1", "HOST": "x"}, "", "::1", "4000", ""},

		{"not a port", map[string]string{"HEALTHD_PORT": "x"}, lostQuote, "", "",
			`HEALTHD_PORT: "x" is not a port (1-65535)`},
		{"not a host", map[string]string{"HEALTHD_PORT": "4040", "HEALTHD_HOST": "x"}, "", "", "",
			`HEALTHD_HOST: "x" is not an IP address to listen on or localhost`},
		{"not a port in .env", nil, "HEALTHD_PORT=x\n", "", "",
			`HEALTHD_PORT: "x" is not a port (1-65535)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := LoadAddress(env(tt.env), writeDotenv(t, tt.dotenv))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("LoadAddress() = %v, %v, want %s", got, err, tt.err)
				}
				return
			}
			host := ""
			if got.Host.IsValid() {
				host = got.Host.String()
			}
			if err != nil || host != tt.host || strconv.Itoa(int(got.Port)) != tt.port {
				t.Errorf("LoadAddress() = %q, %d, %v, want %q, %s", host, got.Port, err, tt.host, tt.port)
			}
		})
	}
}
