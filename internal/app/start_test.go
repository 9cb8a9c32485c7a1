package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestStartErrorHidesValues has a mistake that is common in a Dockerfile's CMD.
func TestStartErrorHidesValues(t *testing.T) {
	t.Parallel()
	_, err := Start([]string{"DATABASE_URL=postgres://app:hunter2@db/x", "node"}, nil)
	start, ok := errors.AsType[*StartError](err)
	const want = "DATABASE_URL=...: not a command; set the variable in the environment"
	if !ok || start.Error() != want || start.Code() != 127 {
		t.Errorf("Start() = %v, want %s with code 127", err, want)
	}
}

func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]fs.FileMode{
		"one/app": 0o755, "two/app": 0o755, "two/data": 0o644, "three/data": 0o755,
		"two/file": 0o644, "local": 0o755,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, tt := range []struct {
		name, command, path string
		want                string
		err                 error
	}{
		{"first of two", "app", "PATH=" + dir + "/one:" + dir + "/two", dir + "/one/app", nil},
		{"the only one", "app", "PATH=/missing:" + dir + "/two", dir + "/two/app", nil},
		{"not executable, then executable", "data", "PATH=two:three", "three/data", nil},
		{"not executable", "data", "PATH=/missing:two:one", "", syscall.EACCES},
		{"directory", "one", "PATH=" + dir, "", syscall.EISDIR},
		{"a file in PATH", "app", "PATH=local", "", errNotFound},
		{"nowhere", "missing", "PATH=one:two", "", errNotFound},
		{"empty element", "local", "PATH=:one", "./local", nil},
		{"empty PATH", "local", "PATH=", "./local", nil},
		{"no PATH", "app", "HOME=/", "", errNotFound},
		{"empty name", "", "PATH=one", "", errNotFound},
		{"path", "./two/app", "PATH=one", "./two/app", nil},
		{"path that is missing", "./app", "PATH=one", "./app", syscall.ENOENT},
		{"path through a file", "local/app", "PATH=one", "local/app", syscall.ENOTDIR},
		{"path that is not executable", "two/file", "", "two/file", syscall.EACCES},
		{"path of a directory", "/", "", "/", syscall.EISDIR},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookPath(tt.command, []string{"A=b", tt.path, "PATH=/second"})
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("lookPath(%q) with %s = %q, %v, want %q, %v",
					tt.command, tt.path, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestStartErrorCode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{
		{errNotFound, 127},
		{syscall.ENOENT, 127},
		{syscall.ENOTDIR, 127},
		{execError(syscall.ENOENT), 127},
		{execError(syscall.ENOEXEC), 126},
		{execError(syscall.EACCES), 126},
		{execError(syscall.E2BIG), 126},
		{syscall.EISDIR, 126},
		{syscall.EACCES, 126},
	} {
		e := &StartError{"app", tt.err}
		if got := e.Code(); got != tt.want {
			t.Errorf("Code() of %q = %d, want %d", e, got, tt.want)
		}
	}
}
