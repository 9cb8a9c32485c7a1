package report

import (
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
)

// maxPageBytes is the most that a page may take. It is sent whole on every visit. The line to the
// limit and the processes of an app need more than 32 KiB.
const maxPageBytes = 36 << 10

func TestPageFiles(t *testing.T) {
	t.Parallel()
	for _, marker := range []string{"{{style}}", "{{details}}", "{{script}}", "<script", "<style"} {
		if n := strings.Count(pageHTML, marker); n != 1 {
			t.Errorf("page.html has %d of %s, want 1", n, marker)
		}
	}
	var page string // the last one is as good as any for what follows
	for _, f := range fixtures() {
		page = body(f.write().root(browser))
		t.Logf("%s: the page has %d bytes", f.name, len(page))
		if len(page) > maxPageBytes {
			t.Errorf("%s: the page has %d bytes, want at most %d", f.name, len(page), maxPageBytes)
		}
		if strings.Contains(page, "{{") {
			t.Errorf("%s: the page has a marker", f.name)
		}
	}
	checkWellFormed(t, page)
	// The policy would block each of these without a word to the user.
	for _, blocked := range []string{
		`<[^>]*\sstyle=`, `<[^>]*\son[a-z]+=`, `https?:`, `<link[^>]*href="?[^"d]`, `\bsrc=`,
	} {
		if found := regexp.MustCompile(blocked).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
}

// checkWellFormed checks that the page's elements are closed and its attributes quoted. It is
// XML once attributes without a value have one and void elements end.
func checkWellFormed(t *testing.T, page string) {
	t.Helper()
	for _, inline := range []string{"style", "script"} {
		page = strings.Replace(page, element(t, page, "<"+inline+">", "</"+inline+">"), "", 1)
	}
	page = regexp.MustCompile(` (hidden|checked|required)([ >])`).ReplaceAllString(page, ` $1=""$2`)
	page = regexp.MustCompile(`<(meta|link|input)([^>]*)>`).ReplaceAllString(page, `<$1$2/>`)
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
