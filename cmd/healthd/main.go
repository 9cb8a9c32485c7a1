package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
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
	subcommand, operands, err := parseArgs(args)
	if err != nil {
		fmt.Fprintf(stderr, "healthd: %v; see healthd -h\n", err)
		return exitUsage
	}
	switch subcommand {
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
		return serve(operands, getenv, stdout, stderr)
	}
}

// parseArgs splits the command line into a subcommand, which is serve where none is named, and
// its operands. The operands of serve are the command to run, which follows "--" with options
// of its own.
func parseArgs(args []string) (subcommand string, operands []string, err error) {
	i := slices.Index(args, "--")
	if i < 0 {
		return parseSubcommand(args)
	}
	subcommand, _, err = parseSubcommand(args[:i])
	operands = args[i+1:]
	switch {
	case err != nil:
	case subcommand != "serve":
		err = fmt.Errorf(`unexpected argument "--" for %s`, subcommand)
	case len(operands) == 0:
		err = errors.New(`a command must follow "--"`)
	}
	return subcommand, operands, err
}

// parseSubcommand splits a command line without a command to run. The only options are those
// for help and the version.
func parseSubcommand(args []string) (subcommand string, operands []string, err error) {
	if len(args) == 0 {
		return "serve", nil, nil
	}
	subcommand, operands = args[0], args[1:]
	maxOperands := 0
	switch subcommand {
	case "-h", "--help", "help":
		return "help", nil, nil
	case "-v", "--version":
		subcommand = "version"
	case "serve", "version":
	case "probe":
		maxOperands = 1
	default:
		if strings.HasPrefix(subcommand, "-") {
			return "", nil, unknownOption(subcommand)
		}
		return "", nil, fmt.Errorf("unknown command %s", quoted(subcommand))
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
	return subcommand, operands, nil
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
