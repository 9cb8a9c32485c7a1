package memory

import (
	"testing"
)

func TestMemTotal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, meminfo string
		want          Size
	}{
		{
			"first line", "MemTotal:       24684096 kB\nMemFree:        23390084 kB\n",
			known(24684096 << 10),
		},
		{"other lines first", "MemFree: 1 kB\nMemTotal: 2 kB\n", known(2048)},
		{"empty", "", Size{}},
		{"not there", "MemFree:        23390084 kB\n", Size{}},
		{"a longer key", "MemTotalX: 2 kB\n", Size{}},
		{"no number", "MemTotal: kB\n", Size{}},
		{"zero", "MemTotal: 0 kB\n", Size{}},
		{"negative", "MemTotal: -5 kB\n", Size{}},
		{"wrong unit", "MemTotal: 24684096 MB\n", Size{}},
		{"no unit", "MemTotal: 24684096\n", Size{}},
		{"cut in the number", "MemTotal:       246", Size{}},
		{"cut in the unit", "MemTotal:       24684096 k", Size{}},
		{"cut before the newline", "MemTotal:       24684096 kB", Size{}},
		{"as many KiB as fit", "MemTotal: 9007199254740991 kB\n", known(9007199254740991 << 10)},
		{"one KiB more", "MemTotal: 9007199254740992 kB\n", Size{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := memTotal([]byte(tt.meminfo)); got != tt.want {
				t.Errorf("memTotal(%q) = %v, want %v", tt.meminfo, got, tt.want)
			}
		})
	}
}

func FuzzMemTotal(f *testing.F) {
	for _, seed := range []string{
		"", "MemTotal:", "MemTotal: kB\n", "MemTotal: 1 kB\n", "MemTotal: 0 kB\n", "MemTotal: -1 kB\n",
		"MemTotal: 1 MB\n", "MemTotal: 9007199254740992 kB\n", "MemTotal: 99999999999999999999999 kB\n",
		"MemFree: 1 kB\nMemTotal:\t2 kB\n", "\nMemTotal: 1 kB\nMemTotal: 2 kB\n",
	} {
		f.Add([]byte(seed))
	}
	addCaptured(f, "proc/meminfo")
	f.Fuzz(func(t *testing.T, meminfo []byte) {
		got := memTotal(meminfo)
		if got.Known && (got.Bytes <= 0 || got.Bytes%1024 != 0) || !got.Known && got.Bytes != 0 {
			t.Errorf("memTotal(%q) = %v, want whole KiB or nothing", meminfo, got)
		}
		checkCut(t, meminfo, memTotal)
	})
}
