package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url, kind string
		addresses string // with commas; the domain of an SRV record
		tls       bool
		path      string // and query, of HTTP
		host      string // header
	}{
		{"http://app", "component", "app:80", false, "/", "app"},
		{"http://app/", "component", "app:80", false, "/", "app"},
		{"HTTP://App:80/healthz", "component", "App:80", false, "/healthz", "App"},
		{"http://app:8080/a/b?c=d&e=@f#g", "component", "app:8080", false, "/a/b?c=d&e=@f", "app:8080"},
		{"http://app?c=d", "component", "app:80", false, "/?c=d", "app"},
		{"http://app#c", "component", "app:80", false, "/", "app"},
		{"http://127.0.0.1:4000//x", "component", "127.0.0.1:4000", false, "//x", "127.0.0.1:4000"},
		{"http://[::1]", "component", "[::1]:80", false, "/", "[::1]"},
		{"http://[fe80::1%eth0]:4000/", "component", "[fe80::1%eth0]:4000", false, "/", "[fe80::1]:4000"},
		{"https://app.example.org", "component", "app.example.org:443", true, "/", "app.example.org"},
		{"https://app:80", "component", "app:80", true, "/", "app:80"},
		{"https://my_app-1.internal:8443/x", "component", "my_app-1.internal:8443", true, "/x",
			"my_app-1.internal:8443"},
		{"tcp://smtp:25", "component", "smtp:25", false, "", ""},
		{"tcp://[::1]:25/", "component", "[::1]:25", false, "", ""},

		{"redis://cache", "datastore", "cache:6379", false, "", ""},
		{"redis://cache:6380/0", "datastore", "cache:6380", false, "", ""},
		{"redis://:pass@cache", "datastore", "cache:6379", false, "", ""},
		{"redis://user:p@ss/w?rd", "datastore", "ss:6379", false, "", ""},
		{"redis://user:p@ss/w,o#rd@cache:6380/1", "datastore", "cache:6380", false, "", ""},
		{"redis://user:%40%2F@cache?tls=false", "datastore", "cache:6379", false, "", ""},
		{"redis://cache#tls=true", "datastore", "cache:6379", false, "", ""},
		{"redis://a,b:6380,[::1],[::2]:6381", "datastore", "a:6379,b:6380,[::1]:6379,[::2]:6381",
			false, "", ""},
		{"rediss://user:pass@cache:6379", "datastore", "cache:6379", true, "", ""},
		{"redis://cache?ssl=true", "datastore", "cache:6379", true, "", ""},

		{"mongodb://db", "datastore", "db:27017", false, "", ""},
		{"mongodb://user:pass@db1:27018,db2,db3/app?replicaSet=rs0&tls=true", "datastore",
			"db1:27018,db2:27017,db3:27017", true, "", ""},
		// As Azure Cosmos DB hands them out.
		{"mongodb://acme:cGFzcw==@acme.example.org:10255/?ssl=true&replicaSet=globaldb&appName=@acme@",
			"datastore", "acme.example.org:10255", true, "", ""},
		{"mongodb://user:p:a@s/s@db?TLS=TRUE", "datastore", "db:27017", true, "", ""},
		{"mongodb://db?tls=true&tls=false", "datastore", "db:27017", false, "", ""},
		{"mongodb+srv://user:pass@cluster0.example.org/app?retryWrites=true", "datastore",
			"cluster0.example.org", true, "", ""},
		{"mongodb+srv://cluster0.example.org./", "datastore", "cluster0.example.org", true, "", ""},
		{"mongodb+srv://cluster0.example.org/?tls=false", "datastore", "cluster0.example.org",
			false, "", ""},
	} {
		got, err := Parse(tt.url)
		if err != nil {
			t.Errorf("Parse(%q) = %v, want no error", tt.url, err)
			continue
		}
		var addresses []string
		for _, a := range got.addresses {
			addresses = append(addresses, a.String())
		}
		if got.record != nil {
			addresses = append(addresses, got.record.domain)
		}
		if s := strings.Join(addresses, ","); s != tt.addresses || got.tls != tt.tls ||
			got.Kind() != tt.kind {
			t.Errorf("Parse(%q) = %s, TLS %v, %s, want %s, %v, %s", tt.url, s, got.tls, got.Kind(),
				tt.addresses, tt.tls, tt.kind)
		}
		if want := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n", tt.path, tt.host); tt.path != "" &&
			!strings.HasPrefix(got.request, want) {
			t.Errorf("Parse(%q) sends %q, want %q", tt.url, got.request, want)
		}
	}
}

func TestParseInvalid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url  string
		want error
	}{
		{"", errScheme},
		{"redis", errScheme},
		{"redis:cache", errScheme},
		{"cache:6379", errScheme},
		{"//cache", errScheme},
		{"://cache", errScheme},
		{`"redis://cache"`, errScheme},
		{" redis://cache", errScheme},
		{"ftp://cache", errScheme},
		{"amqp://user:pass@mq", errScheme},
		{"redis+unix:///run/redis.sock", errScheme},
		{"unix:///run/redis.sock", errScheme},
		{"postgres://user:pass@db/app", errPostgreSQL},
		{"postgresql://user:pass@db/app", errPostgreSQL},
		{"mysql://user:pass@db/app", errMySQL},
		{"tcp://db:3306", errMySQL},

		{"http://", errNoHost},
		{"http:///x", errNoHost},
		{"http://:80", errNoHost},
		{"http://user@app", errUserInfo},
		{"https://user:pass@app", errUserInfo},
		{"http://user:pa/ss@app", errPort},
		{"http://app:http", errPort},
		{"http://app:0", errPort},
		{"http://app:65536", errPort},
		{"http://app:+80", errPort},
		{"http://app:", errPort},
		{"http://app:80 ", errPort},
		{"http://ap p", errHost},
		{"http://app\n", errHost},
		{"http://größe", errHost},
		{"http://a%20b", errHost},
		{"http://app\\x", errHost},
		{"http://[::1", errHost},
		{"http://[::1]x", errHost},
		{"http://[127.0.0.1]", errHost},
		{"http://[app]", errHost},
		{"http://[::1%\r\nX: y]", errHost},
		{"http://" + strings.Repeat("a", 254), errHost},
		{"http://::1", errNoHost},
		{"http://fe80::1", errIPv6},
		{"http://app/a b", errPath},
		{"http://app/\r\nX: y", errPath},
		{"http://app/ä", errPath},
		{"http://app?\x00", errPath},
		{"tcp://smtp", errNoPort},
		{"tcp://smtp:25/x", errNoPath},
		{"tcp://smtp:25?x", errNoPath},
		{"tcp://user:pass@smtp:25", errUserInfo},

		{"redis://", errNoHost},
		{"redis:///0", errNoHost},
		{"redis://:pass@", errNoHost},
		{"redis://:pass", errNoHost},
		{"redis://user:pass", errPort},
		{"redis://user:pa?ss@cache", errEscape},
		{"redis://user:123?a=b@cache", errEscape},
		{"redis://user:p@x?y=1@cache", errEscape},
		{"mongodb://user:123?a=b@db", errEscape},
		{"mongodb://user:pass@word?x@db.internal/", errEscape},
		{"http://\u212a", errHost},
		{"tcp://db:03306", errMySQL},
		{"redis:///run/redis.sock", errNoHost},
		{"redis://user@run.sock", errSocket},
		{"redis://cache:6379,", errNoHost},
		{"redis://a b", errHost},
		{"mongodb://%2Ftmp%2Fmongodb-27017.sock/app", errSocket},
		{"mongodb://user:pass@%2ftmp", errSocket},
		{"mongodb://db1:27017,db2:x", errPort},
		{"mongodb://db1;db2", errHost},
		{"mongodb://" + strings.Repeat("a,", 16) + "a", errHosts},
		{"mongodb+srv://", errNoHost},
		{"mongodb+srv://db1,db2", errSRV},
		{"mongodb+srv://db:27017", errSRV},
		{"mongodb+srv://127.0.0.1", errSRV},
		{"mongodb+srv://[::1]", errSRV},
	} {
		if _, err := Parse(tt.url); err != tt.want {
			t.Errorf("Parse(%q) = %v, want %v", tt.url, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "http://", "http://a:80/b?c#d", "https://[::1]:1", "tcp://a:1", "redis://:p@a,b",
		"rediss://a", "mongodb://u:p@a,b/c?tls=true&ssl=false",
		"mongodb+srv://u:p@a.b.c/d", "redis://a?b@c", "mongodb://%2Fa", "mysql://a", "http://a\r\nb",
		"http://[::1%\n]",
	} {
		f.Add(seed)
	}
	known := []error{
		errScheme, errPostgreSQL, errMySQL, errUserInfo, errPath, errNoPath, errEscape, errNoHost,
		errHost, errIPv6, errSocket,
		errHosts, errPort, errNoPort, errSRV,
	}
	f.Fuzz(func(t *testing.T, url string) {
		target, err := Parse(url)
		if err != nil {
			// No other error, so none with a part of the URL.
			if !slices.Contains(known, err) {
				t.Errorf("Parse(%q) = %v, want one of the fixed errors", url, err)
			}
			return
		}
		if n := len(target.addresses); n > maxAddresses || (n == 0) != (target.record != nil) {
			t.Errorf("Parse(%q) has %d addresses, want 1-%d or an SRV record", url, n, maxAddresses)
		}
		for _, a := range target.addresses {
			if a.host == "" || a.port == "" || !printable(a.String()) ||
				strings.ContainsAny(a.host, "@/?#,") {
				t.Errorf("Parse(%q) has the address %q, want a host and a port", url, a)
			}
		}
		if got := strings.Count(target.request, "\r\n\r\n"); target.Kind() == "component" &&
			target.request != "" && got != 1 {
			t.Errorf("Parse(%q) sends %d requests, want 1", url, got)
		}
	})
}
