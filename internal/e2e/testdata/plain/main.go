// Plain is the smallest net/http server, for comparison. It has the paths of healthd that
// the floods ask for and a page of the same size. With LIKE=healthd it has the same timeouts
// and headers as healthd, and documents of the same size.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	server := &http.Server{Addr: ":" + os.Getenv("PORT")}
	live, report := "ok\n", "ok\n"
	like := os.Getenv("LIKE") == "healthd"
	if like {
		server.ReadHeaderTimeout = 5 * time.Second
		server.ReadTimeout = 10 * time.Second
		server.WriteTimeout = 10 * time.Second
		server.IdleTimeout = 60 * time.Second
		server.MaxHeaderBytes = 8 << 10
		live, report = `{"status":"pass"}`+"\n", strings.Repeat("x", 800)+"\n"
	}
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if like {
				w.Header().Set("Content-Type", "application/health+json")
				w.Header().Set("Cache-Control", "no-store")
				w.Header().Set("X-Content-Type-Options", "nosniff")
			}
			io.WriteString(w, body)
		}
	}
	http.HandleFunc("GET /healthz", answer(live))
	http.HandleFunc("GET /readyz", answer(live))
	http.HandleFunc("GET /api/v1/monitoring/health", answer(report))
	http.HandleFunc("GET /api/v1/monitoring/history", answer(report))
	http.HandleFunc("GET /metrics", answer(report))
	http.HandleFunc("GET /{$}", answer(strings.Repeat("x", 20_000)))
	log.Fatal(server.ListenAndServe())
}
