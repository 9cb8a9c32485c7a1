package app

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// Exit codes for a command that cannot be started, as shells and Docker have them.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// StartError is the reason why a command could not be started.
type StartError struct {
	Command string
	Err     error
}

func (e *StartError) Error() string {
	if name, _, assignment := strings.Cut(e.Command, "="); assignment {
		// The value may be a secret: a shell would have put it into the environment.
		return displayName([]byte(name)) + "=...: not a command; set the variable in the environment"
	}
	return e.Command + ": " + e.Err.Error()
}

func (e *StartError) Unwrap() error { return e.Err }

// Code returns the exit code for the error: 127 if the command or its interpreter does not
// exist, and 126 if there is a file but it cannot be executed.
func (e *StartError) Code() int {
	if missingFile(e.Err) {
		return exitNotFound
	}
	return exitCannotRun
}

// missingFile reports whether err means that there is no file.
func missingFile(err error) bool {
	return errors.Is(err, errNotFound) || errors.Is(err, syscall.ENOENT) ||
		errors.Is(err, syscall.ENOTDIR)
}

var (
	errNotFound      = errors.New("not found in PATH")
	errNoInterpreter = &reason{
		"its interpreter (from the #! line, or the dynamic linker) does not exist",
		syscall.ENOENT,
	}
	errFormat = &reason{
		"exec format error: built for another system, or without a #! line",
		syscall.ENOEXEC,
	}
)

// reason words an error of the kernel for people.
type reason struct {
	text string
	err  error
}

func (r *reason) Error() string { return r.text }

func (r *reason) Unwrap() error { return r.err }

// execError words the error of exec for a file that exists and is executable.
func execError(err error) error {
	switch err {
	case syscall.ENOENT:
		return errNoInterpreter
	case syscall.ENOEXEC:
		return errFormat
	}
	return err
}

// lookPath finds the file of a command as a shell does. A name with a slash is a path;
// another one is looked up in the PATH of env, where an empty element is the working
// directory. Unlike exec.LookPath it accepts a relative element of PATH, and it tells a file
// that may not be executed from one that does not exist.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, executable(name)
	}
	err := errNotFound
	if name == "" {
		return "", err
	}
	for dir := range strings.SplitSeq(pathOf(env), ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		switch problem := executable(file); {
		case problem == nil:
			return file, nil
		case !missingFile(problem):
			err = problem // the file that is meant, unless a later one can be executed
		}
	}
	return "", err
}

// pathOf returns the value of the first PATH in env, which is the one that getenv(3) finds.
func pathOf(env []string) string {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			return value
		}
	}
	return ""
}

// executable returns why a file cannot be executed, or nil.
func executable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return errnoOf(err)
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	const executeOK = 1 // access(2), X_OK
	return syscall.Access(file, executeOK)
}

// errnoOf drops the path and the system call from an error of package os.
func errnoOf(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
