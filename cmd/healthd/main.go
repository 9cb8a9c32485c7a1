package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	_ "github.com/halobuzz/healthd/internal/processors"
	"github.com/halobuzz/healthd/internal/report"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// doc contains the package comment, which -h prints.
//
//go:embed doc.go
var doc string

// dotenv is the name of the file with settings in the working directory.
const dotenv = ".env"

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command, operands, err := parseArgs(args)
	if err != nil {
		fmt.Fprintf(stderr, "healthd: %v; see healthd -h\n", err)
		return exitUsage
	}
	switch command {
	case "help":
		fmt.Fprint(stdout, usage(doc))
		return exitOK
	case "version":
		fmt.Fprintf(stdout, "healthd %s %s %s/%s\n",
			version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	case "probe":
		path := report.LivePath
		if len(operands) > 0 {
			path = operands[0]
		}
		return ask(getenv, path, stdout, stderr)
	default:
		return serve(getenv, stdout, stderr)
	}
}

// parseArgs splits the command line into a command, which is serve where none is named, and
// its operands. The only options are those for help and the version.
func parseArgs(args []string) (command string, operands []string, err error) {
	if len(args) == 0 {
		return "serve", nil, nil
	}
	command, operands = args[0], args[1:]
	maxOperands := 0
	switch command {
	case "-h", "--help", "help":
		return "help", nil, nil
	case "-v", "--version":
		command = "version"
	case "serve", "version":
	case "probe":
		maxOperands = 1
	default:
		if strings.HasPrefix(command, "-") {
			return "", nil, unknownOption(command)
		}
		return "", nil, fmt.Errorf("unknown command %s", quoted(command))
	}
	for i, arg := range operands {
		switch {
		case arg == "-h" || arg == "--help":
			return "help", nil, nil
		case strings.HasPrefix(arg, "-"):
			return "", nil, unknownOption(arg)
		case i >= maxOperands:
			return "", nil, fmt.Errorf("unexpected argument %s", quoted(arg))
		}
	}
	return command, operands, nil
}

// unknownOption tells users of other servers' options where the port is set.
func unknownOption(option string) error {
	switch name, _, _ := strings.Cut(option, "="); name {
	case "-p", "--port", "-port":
		return fmt.Errorf("unknown option %q: set PORT", option)
	}
	return fmt.Errorf("unknown option %s", quoted(option))
}

// quoted quotes an argument, unless it may be a part of a URL with a password.
func quoted(arg string) string {
	if strings.ContainsAny(arg, ":@") {
		return "(hidden, put a URL in quotes after probe)"
	}
	return strconv.Quote(arg)
}

// usage returns the leading comment of a file, with the list of endpoints.
func usage(file string) string {
	var text strings.Builder
	for line := range strings.Lines(file) {
		comment, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		comment = strings.TrimPrefix(comment, " ")
		heading, ok := strings.CutSuffix(comment, ": see healthd -h.\n")
		text.WriteString(heading)
		if ok {
			text.WriteString(":\n\n")
			for endpoint := range strings.Lines(report.Index()) {
				text.WriteString("\t" + endpoint)
			}
		}
	}
	return text.String()
}
