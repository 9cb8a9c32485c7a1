package memory

import (
	"fmt"
	"path"
	"reflect"
	"strings"
	"testing"
)

func TestParseMount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, line string
		want       mount
		ok         bool
	}{
		{
			name: "v1",
			line: "86 82 0:32 /docker/id /sys/fs/cgroup/memory ro,nosuid,relatime " +
				"- cgroup cgroup rw,memory\n",
			want: mount{"/docker/id", "/sys/fs/cgroup/memory", "cgroup", []string{"rw", "memory"}},
			ok:   true,
		},
		{
			name: "one optional field",
			line: "24 22 0:21 / /sys/fs/cgroup rw master:2 - cgroup2 none rw,nsdelegate\n",
			want: mount{"/", "/sys/fs/cgroup", "cgroup2", []string{"rw", "nsdelegate"}},
			ok:   true,
		},
		{
			name: "more optional fields",
			line: "24 22 0:21 / /sys/fs/cgroup rw shared:1 master:2 propagate_from:3 unbindable " +
				"- cgroup2 none rw\n",
			want: mount{"/", "/sys/fs/cgroup", "cgroup2", []string{"rw"}},
			ok:   true,
		},
		{
			name: "no source",
			line: "24 22 0:21 / /sys/fs/cgroup rw - cgroup2  rw\n",
			want: mount{"/", "/sys/fs/cgroup", "cgroup2", []string{"rw"}},
			ok:   true,
		},
		{
			name: "escaped",
			line: `24 22 0:21 /a\040b /mnt/c\134d\011e\012 rw - cgroup2 none rw`,
			want: mount{"/a b", "/mnt/c\\d\te\n", "cgroup2", []string{"rw"}},
			ok:   true,
		},
		{
			name: "WSL's unescaped spaces",
			line: "560 77 0:138 / /Docker/host rw,noatime - 9p drvfs " +
				`rw,dirsync,aname=drvfs;path=C:\Program Files\Docker;symlinkroot=/mnt/` + "\n",
			want: mount{"/", "/Docker/host", "9p", []string{
				"rw", "dirsync", `aname=drvfs;path=C:\Program Files\Docker;symlinkroot=/mnt/`,
			}},
			ok: true,
		},
		{
			name: "WSL's unescaped source",
			line: `561 77 0:138 / /mnt/c rw - 9p C:\Program Files rw,dirsync` + "\n",
			want: mount{"/", "/mnt/c", "9p", []string{`Files rw`, "dirsync"}},
			ok:   true,
		},
		{
			name: "a separator in the options",
			line: "24 22 0:21 / /mnt rw - 9p none rw,path=a - cgroup2 b\n",
			want: mount{"/", "/mnt", "9p", []string{"rw", "path=a - cgroup2 b"}},
			ok:   true,
		},
		{
			name: "no file system path",
			line: "48 27 0:4 net:[4026531833] /run/netns/default rw - nsfs nsfs rw\n",
		},
		{name: "relative point", line: "24 22 0:21 / mnt rw - cgroup2 none rw\n"},
		{name: "empty", line: ""},
		{name: "newline", line: "\n"},
		{name: "only a separator", line: " - "},
		{name: "no separator", line: "24 22 0:21 / /mnt rw cgroup2 none rw\n"},
		{name: "too few fields", line: "24 22 0:21 / /mnt - cgroup2 none rw\n"},
		{name: "cut after the type", line: "24 22 0:21 / /mnt rw - cgroup2"},
		{name: "cut after the source", line: "24 22 0:21 / /mnt rw - cgroup2 none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := parseMount(tt.line)
			if ok != tt.ok || ok && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("parseMount(%q) = %+v, %v, want %+v, %v", tt.line, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, s, want string
	}{
		{"empty", "", ""},
		{"plain", "/sys/fs/cgroup", "/sys/fs/cgroup"},
		{"space", `/a\040b`, "/a b"},
		{"at the end", `/a\040`, "/a "},
		{"all four", `\040\011\012\134`, " \t\n\\"},
		{"a backslash before digits", `\134040`, `\040`},
		{"highest", `\377`, "\xff"},
		{"over a byte", `\400`, `\400`},
		{"not octal", `\089`, `\089`},
		{"short", `/a\04`, `/a\04`},
		{"alone", `\`, `\`},
		{"twice", `\\040`, `\ `},
		{"bytes beyond ASCII", "/\u00e9\\040\xff", "/\u00e9 \xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := unescape(tt.s); got != tt.want {
				t.Errorf("unescape(%q) = %q, want %q", tt.s, got, tt.want)
			}
		})
	}
}

func FuzzParseMount(f *testing.F) {
	for _, seed := range []string{
		"", " - ", " -  - ", "- - -", mount1, mount2, strings.TrimSuffix(mount2, "\n"),
		"24 22 0:21 / /mnt - cgroup2 none rw\n", "24 22 0:21 / /mnt rw - cgroup2  rw\n",
		"24 22 0:21 / mnt rw - cgroup2 none rw\n", `24 22 0:21 /\040 /\134\ rw - cgroup2 none rw`,
		"48 27 0:4 net:[4026531833] /run/netns rw - nsfs nsfs rw\n",
		`560 77 0:138 / /Docker/host rw - 9p C:\Program Files rw,path=C:\Program Files - x` + "\n",
		"24 22 0:21 / /mnt rw" + strings.Repeat(" shared:1", 1000) + " - cgroup2 none rw\n",
		"99999999999999999999 -1 x / / rw - t s " + strings.Repeat("o,", 1000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, ok := parseMount(line)
		if !ok {
			return
		}
		if !path.IsAbs(got.root) || !path.IsAbs(got.point) || strings.Contains(got.fstype, " ") {
			t.Errorf("parseMount(%q) = %+v, want absolute paths and a type of one word", line, got)
		}
		before, after, _ := strings.Cut(line, " - ")
		longer := before + " shared:9 - " + after
		if more, ok := parseMount(longer); !ok || !reflect.DeepEqual(more, got) {
			t.Errorf("parseMount(%q) = %+v, %v, want %+v as without its last optional field",
				longer, more, ok, got)
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{
		"", `\`, `\0`, `\04`, `\040`, `\\040`, `\134040`, `\377`, `\400`, `\0400`,
		`\-40`, " \t\n\\#", "\u00e9\xff", strings.Repeat(`\040`, 20), strings.Repeat(`\`, 20),
	} {
		f.Add(seed)
	}
	// What seq_path escapes in mountinfo.
	var pairs []string
	for _, c := range " \t\n\\" {
		pairs = append(pairs, string(c), fmt.Sprintf(`\%03o`, c))
	}
	escape := strings.NewReplacer(pairs...)
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescape(escape.Replace(s)); got != s {
			t.Errorf("unescape(%q) = %q, want %q", escape.Replace(s), got, s)
		}
		got := unescape(s)
		if len(got) > len(s) || !strings.Contains(s, `\`) && got != s {
			t.Errorf("unescape(%q) = %q, want nothing added", s, got)
		}
	})
}
