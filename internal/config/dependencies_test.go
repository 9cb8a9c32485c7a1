package config

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/halobuzz/healthd/internal/probe"
)

// dependencies makes a list from "NAME=URL", or "NAME!=URL" for required ones.
func dependencies(entries ...string) []probe.Dependency {
	var all []probe.Dependency
	for _, entry := range entries {
		name, url, _ := strings.Cut(entry, "=")
		name, required := strings.CutSuffix(name, "!")
		target, err := probe.Parse(url)
		if err != nil {
			panic(err)
		}
		all = append(all, probe.Dependency{Name: name, Target: target, Required: required})
	}
	return all
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	const redis, mongo = "rediss://:pa=ss@cache:6380/0?a=b",
		"mongodb://user:pass@db1,db2/app?replicaSet=rs0"
	for _, tt := range []struct {
		name               string
		optional, required string
		env                map[string]string
		dotenv             string
		want               []probe.Dependency
	}{
		{"none", "", " \t\n", nil, "", nil},
		{"URL", "redis=" + redis, "", nil, "", dependencies("redis=" + redis)},
		{"variable", "REDIS_URL", "", map[string]string{"REDIS_URL": redis}, "",
			dependencies("redis=" + redis)},
		{"variable and name", "cache=REDIS_URL", "", map[string]string{"REDIS_URL": redis}, "",
			dependencies("cache=" + redis)},
		{"variable in .env", "REDIS_URL", "", nil, "REDIS_URL='" + redis + "'\n",
			dependencies("redis=" + redis)},
		{"environment over .env", "REDIS_URL", "", map[string]string{"REDIS_URL": redis},
			"REDIS_URL=tcp://a:1\n", dependencies("redis=" + redis)},
		{"empty in the environment", "REDIS_URL", "", map[string]string{"REDIS_URL": ""},
			"REDIS_URL=tcp://a:1\n", dependencies("redis=tcp://a:1")},
		{"one word", "CACHE", "", map[string]string{"CACHE": redis}, "", dependencies("cache=" + redis)},
		{"lower case", "app_url", "", map[string]string{"app_url": "http://app"}, "",
			dependencies("app=http://app")},
		{"two", "REDIS_URL MONGODB_URI", "",
			map[string]string{"REDIS_URL": redis, "MONGODB_URI": mongo}, "",
			dependencies("redis="+redis, "mongodb="+mongo)},
		{"both lists", "\n REDIS_URL\t ai=https://ai/healthz?key=1 ", "MONGODB_URI",
			map[string]string{"REDIS_URL": redis, "MONGODB_URI": mongo}, "",
			dependencies("mongodb!="+mongo, "redis="+redis, "ai=https://ai/healthz?key=1")},
		{"names", "0=tcp://a:1 a-b_c=tcp://a:1 " + strings.Repeat("x", 32) + "=tcp://a:1", "", nil, "",
			dependencies("0=tcp://a:1", "a-b_c=tcp://a:1", strings.Repeat("x", 32)+"=tcp://a:1")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{"DEPENDENCIES": tt.optional, "REQUIRED_DEPENDENCIES": tt.required}
			maps.Copy(values, tt.env)
			got, err := Load(env(values), writeDotenv(t, tt.dotenv), false)
			if err != nil || !reflect.DeepEqual(got.Dependencies, tt.want) {
				t.Errorf("Load() = %#v, %v, want %#v", got.Dependencies, err, tt.want)
			}
		})
	}
}

// TestDependenciesInvalid has "hunter2" in every entry, where a secret or a piece of one
// may stand.
func TestDependenciesInvalid(t *testing.T) {
	t.Parallel()
	const (
		form    = "must be NAME=URL, NAME=VARIABLE or VARIABLE"
		unnamed = "a URL needs a name; write NAME=URL"
		badName = "a name must be 1 to 32 of a-z, 0-9, - and _, and start with a letter or digit"
		noName  = "the variable's name gives no valid name for it; write NAME=VARIABLE"
		unset   = "the variable is not set; set it or remove the entry"
		scheme  = "the URL must start with http://, https://, tcp://, redis://, rediss://, " +
			"mongodb:// or mongodb+srv://"
		postgres = "PostgreSQL is not supported because it logs an error for each connection " +
			"without a login"
		mysql = "MySQL is not supported because it blocks a host after 100 connections " +
			"without a login"
		userInfo = "a URL of this scheme must not have a user or password"
		port     = "the port must be a number from 1 to 65535"
		noPort   = "a tcp URL must have a port"
		noHost   = "the URL has no host"
		host     = "the host must be a name in ASCII characters or an IP address"
		same     = "another entry has the same name; " +
			"choose another with NAME=URL or NAME=VARIABLE"
		good = " ok=redis://:hunter2@cache"
	)
	for _, tt := range []struct{ entries, want string }{
		{"redis://:hunter2@cache", "1: " + unnamed},
		{"redis://:hunter2@cache/?a=b", "1: " + unnamed},
		{"://hunter2", "1: " + unnamed},
		{"hunter2", "1: " + unset},
		{"HUNTER2_URL", "1: " + unset},
		{"redis=HUNTER2", "1: " + unset},
		{"hunter2=", "1: " + form},
		{"hunter2=hunter-2", "1: " + form},
		{"redis=redis:hunter2", "1: " + form},
		{"redis=//hunter2", "1: " + form},
		{"redis=2hunter2", "1: " + form},
		{"redis=cache:6379", "1: " + form},
		{"hunter-2", "1: " + form},
		{"2hunter2", "1: " + form},
		{"hunter2,redis", "1: " + form},
		{"=redis://hunter2", "1: " + badName},
		{"Hunter2=redis://cache", "1: " + badName},
		{"-hunter2=redis://cache", "1: " + badName},
		{"_hunter2=redis://cache", "1: " + badName},
		{"hünter2=redis://cache", "1: " + badName},
		{"hunter2.x=redis://cache", "1: " + badName},
		{"hunter2\x00=redis://cache", "1: " + badName},
		{strings.Repeat("x", 33) + "=redis://hunter2", "1: " + badName},
		{"REDIS_URL=redis://:hunter2@cache", "1: " + badName},
		{"_URL", "1: " + noName},
		{"x=hunter2://a", "1 (x): " + scheme},
		{"x='redis://hunter2'", "1 (x): " + scheme},
		{"x=postgres://u:hunter2@db/app", "1 (x): " + postgres},
		{"x=mysql://u:hunter2@db/app", "1 (x): " + mysql},
		{"x=tcp://hunter2:3306", "1 (x): " + mysql},
		{"x=tcp://hunter2", "1 (x): " + noPort},
		{"x=http://u:hunter2@app", "1 (x): " + userInfo},
		{"x=http://app:hunter2", "1 (x): " + port},
		{"x=http://hünter2", "1 (x): " + host},
		{"x=http://app/hünter2",
			"1 (x): the path and query must contain only printable ASCII characters and no spaces"},
		{"x=redis://:hunter2", "1 (x): " + noHost},
		{"x=redis://u:hun?ter2@cache", "1 (x): a ? in the user or password must be written as %3F"},
		{"x=mongodb://u:hunter2@a,", "1 (x): " + noHost},
		{"x=mongodb://%2Fhunter2.sock", "1 (x): a Unix socket is not supported"},
		{"x=mongodb+srv://u:hunter2@a,b", "1 (x): a mongodb+srv URL must have one host name and no port"},
		{"BAD_URL", "1 (bad): " + port},
		{"x=BAD_URL", "1 (x): " + port},
		{"NOT_URL", "1 (not): " + scheme},
		{"GOOD_URL good=redis://hunter2", "2 (good): " + same},
		// A password with a space.
		{"GOOD_URL x=redis://:hun ter2@hunter2", "2 (x): " + noHost + "\n3: " + form},
		{"x=redis://:hun hunter2 hunter2=hunter2",
			"1 (x): " + noHost + "\n2: " + unset + "\n3: " + unset},
		{good + good, "2 (ok): " + same},
	} {
		for _, key := range []string{"DEPENDENCIES", "REQUIRED_DEPENDENCIES"} {
			values := map[string]string{
				key: tt.entries, "GOOD_URL": "redis://:hunter2@cache", "BAD_URL": "redis://u:hunter2",
				"NOT_URL": "hunter2", "_URL": "redis://hunter2",
			}
			want := key + ": entry " + strings.ReplaceAll(tt.want, "\n", "\n"+key+": entry ")
			_, err := Load(env(values), noDotenv(t), false)
			if err == nil || err.Error() != want {
				t.Errorf("Load(%s=%q) = %v, want %s", key, tt.entries, err, want)
			}
			if err != nil && (strings.Contains(strings.ToLower(err.Error()), "hunter2") ||
				strings.Contains(err.Error(), "hun ")) {
				t.Errorf("Load(%s=%q) = %v, want no part of the entry", key, tt.entries, err)
			}
		}
	}
}

func TestDependenciesTogether(t *testing.T) {
	t.Parallel()
	list := func(prefix string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s%d=redis://cache ", prefix, i)
		}
		return b.String()
	}
	load := func(optional, required string) (Config, error) {
		values := map[string]string{"DEPENDENCIES": optional, "REQUIRED_DEPENDENCIES": required}
		return Load(env(values), noDotenv(t), false)
	}
	got, err := load(list("a", 8), list("b", 8))
	if err != nil || len(got.Dependencies) != 16 {
		t.Errorf("Load(8 and 8) = %d, %v, want 16", len(got.Dependencies), err)
	}
	_, err = load(list("a", 8), list("b", 9))
	wantLines(t, err, "DEPENDENCIES: 17 entries together with REQUIRED_DEPENDENCIES; ")
	_, err = load("a=redis://cache", "a=redis://cache")
	wantLines(t, err, "DEPENDENCIES: entry 1 (a): another entry has the same name")
}

// FuzzDependencies looks for a secret that stands in an entry or in the variable it names.
// TestDependencyVariables has variables with a value that is not used as it was written, and one
// with the newline that Kubernetes secrets often end with.
func TestDependencyVariables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, dotenv, wantErr string }{
		{"lines", "DEPENDENCIES=CACHE_URL\nCACHE_URL=\"redis://:hun\nter2@cache\"\n",
			"DEPENDENCIES: entry 1: the variable's value in .env is more than one line"},
		{"a reference", "DEPENDENCIES=CACHE_URL\nCACHE_URL=http://a/?hunter2=$X\n",
			"DEPENDENCIES: entry 1: the variable contains $; put it in single quotes in .env"},
		{"a reference in the list", "DEPENDENCIES=a=http://a/?hunter2=$X\n",
			"DEPENDENCIES: contains $; put it in single quotes in .env"},
	} {
		_, err := Load(env(nil), writeDotenv(t, tt.dotenv), false)
		if err == nil || err.Error() != tt.wantErr {
			t.Errorf("%s: Load(.env %q) = %v, want %s", tt.name, tt.dotenv, err, tt.wantErr)
		}
	}
	environment := env(map[string]string{"DEPENDENCIES": "CACHE_URL", "CACHE_URL": "redis://cache\n"})
	c, err := Load(environment, noDotenv(t), false)
	if err != nil || len(c.Dependencies) != 1 || c.Dependencies[0].Name != "cache" {
		t.Errorf("Load(CACHE_URL with a newline) = %v, %v, want cache", c.Dependencies, err)
	}
}

func FuzzDependencies(f *testing.F) {
	for _, seed := range []struct{ before, after string }{
		{"", ""}, {"x=redis://:", "@cache"}, {"x=", ""}, {"", "=redis://cache"}, {"x=http://a/", "?"},
		{"URL x=URL ", ""}, {"\x00", "\xff"},
	} {
		f.Add(seed.before, seed.after)
	}
	dotenv := noDotenv(f)
	f.Fuzz(func(t *testing.T, before, after string) {
		// Upper case, so that it is no name, which may be shown.
		value := before + strings.ToUpper(secret) + after
		c, err := Load(env(map[string]string{"DEPENDENCIES": value, "URL": value}), dotenv, false)
		if len(c.Dependencies) > 16 && err == nil {
			t.Errorf("Load(%q) has %d dependencies, want at most 16", value, len(c.Dependencies))
		}
		if err == nil {
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(line, "DEPENDENCIES: ") || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("Load(%q) = %q, want lines of the key without control characters", value, line)
			}
		}
		if strings.Contains(strings.ToUpper(err.Error()), strings.ToUpper(secret)) {
			t.Errorf("Load(%q) = %q, want no secret", value, err)
		}
	})
}
