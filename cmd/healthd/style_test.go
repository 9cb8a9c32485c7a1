package main

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a reader sees at once: a file of a few screens, a function of one, and a line without
// scrolling. A tab counts as one column.
const (
	maxFileLines     = 300
	maxFunctionLines = 60
	maxColumns       = 100
)

// TestSizes holds every Go file to these bounds. Table tests may have longer functions, and
// generated files are not read.
func TestSizes(t *testing.T) {
	t.Parallel()
	files := 0
	root := os.DirFS(filepath.Join("..", ".."))
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files++
		checkSizes(t, name, source)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("%d Go files were read, want all", files)
	}
}

func checkSizes(t *testing.T, name string, source []byte) {
	t.Helper()
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, name, source, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return
	}
	if ast.IsGenerated(file) {
		return
	}
	lines := 0
	for scanner := bufio.NewScanner(bytes.NewReader(source)); scanner.Scan(); {
		lines++
		if n := utf8.RuneCount(scanner.Bytes()); n > maxColumns {
			t.Errorf("%s:%d has %d columns, want at most %d", name, lines, n, maxColumns)
		}
	}
	if lines > maxFileLines {
		t.Errorf("%s has %d lines, want at most %d", name, lines, maxFileLines)
	}
	if strings.HasSuffix(name, "_test.go") {
		return
	}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first := positions.Position(function.Pos()).Line
		if n := positions.Position(function.End()).Line - first + 1; n > maxFunctionLines {
			t.Errorf("%s:%d: %s has %d lines, want at most %d",
				name, first, function.Name.Name, n, maxFunctionLines)
		}
	}
}
