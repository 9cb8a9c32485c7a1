// Run is a program around package app that its tests start:
//
//	run [-timeout DURATION] [-quiet] -- COMMAND [ARG...]
//
// It stops the command on SIGTERM and SIGINT, kills it on a second one, passes the other
// signals on, and exits as the command did. It writes lines that begin with "run: " to
// standard error.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/halobuzz/healthd/internal/app"
)

func main() {
	timeout := flag.Duration("timeout", 10*time.Second, "before SIGKILL")
	quiet := flag.Bool("quiet", false, "write nothing")
	flag.Parse()
	os.Exit(run(*timeout, *quiet))
}

func run(timeout time.Duration, quiet bool) int {
	say := func(format string, args ...any) {
		if !quiet {
			fmt.Fprintf(os.Stderr, "run: "+format+"\n", args...)
		}
	}
	// As healthd does it: caught rather than ignored, so that the command does not inherit it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	stops := make(chan os.Signal, 2)
	signal.Notify(stops, syscall.SIGTERM, os.Interrupt)
	others := make(chan os.Signal, 8)
	signal.Notify(others, app.Signals()...)

	a, err := app.Start(flag.Args(), os.Environ())
	if err != nil {
		say("%v", err)
		if start, ok := errors.AsType[*app.StartError](err); ok {
			return start.Code()
		}
		return 1
	}
	refuseHugePages()
	say("started %s %d", a.Name(), a.PID())
	go func() {
		for sig := range others {
			a.Signal(sig.(syscall.Signal))
		}
	}()
	sig := syscall.SIGTERM
	select {
	case <-a.Ended():
	case s := <-stops:
		sig = s.(syscall.Signal)
	}
	go func() {
		<-stops
		a.Kill()
	}()
	empty := a.Stop(sig, timeout)
	exit, ended := a.Exit()
	say("ended %t code %d signal %d byUs %t empty %t",
		ended, exit.Code, int(exit.Signal), exit.KilledByUs, empty)
	return exit.Code
}
