//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// playApp is the app as a Go program: it drains as testdata/app/app.js does.
func playApp([]byte) error {
	terms := make(chan os.Signal, 2)
	signal.Notify(terms, syscall.SIGTERM)
	var draining atomic.Bool
	mux := http.NewServeMux()
	answer := func(delay time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(delay)
			if draining.Load() {
				w.Header().Set("Connection", "close")
			}
			fmt.Fprintln(w, os.Getpid())
		}
	}
	mux.HandleFunc("/", answer(0))
	mux.HandleFunc("/slow", answer(2*time.Second))
	s := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: mux}
	served := make(chan error, 1)
	go func() { served <- s.ListenAndServe() }()
	select {
	case err := <-served:
		return err
	case <-terms:
	}
	draining.Store(true)
	time.Sleep(time.Second)
	if err := s.Shutdown(context.Background()); err != nil {
		return err
	}
	fmt.Println("app has drained after", 1+len(terms), "SIGTERM")
	return nil
}
