package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/health"
)

// logApp logs what happens to the command while it lives.
func (l *changeLog) logApp(ctx context.Context, s *health.State) {
	if s.App == nil {
		return
	}
	l.logReadiness(ctx, s)
	// The line about the command's end has the kill that caused it.
	if at, victim := s.Kills.Last(); !at.Equal(l.killedAt) && !s.App.Ended {
		l.log.LogAttrs(ctx, slog.LevelWarn, "the kernel killed a process for lack of memory",
			append(vitals(s), processAttrs(victim)...)...)
		l.killedAt = at
	}
	if s.StopDisarmed && !l.stopDisarmed {
		l.log.LogAttrs(ctx, slog.LevelWarn, "HEALTHD_STOP_PERCENT is not applied: memory was over "+
			"it one minute after the start, so that a restart would not help", vitals(s)...)
	}
	l.stopDisarmed = l.stopDisarmed || s.StopDisarmed
}

// logReadiness logs that the service becomes ready or ceases to be.
func (l *changeLog) logReadiness(ctx context.Context, s *health.State) {
	notReady := s.Ready == health.Fail
	if notReady == l.notReady {
		return
	}
	l.notReady = notReady
	attrs := []slog.Attr{slog.Bool("ready", !notReady)}
	if notReady {
		attrs = append(attrs, slog.String("output", s.ReadyReason))
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "readiness changed", attrs...)
}

// AppEnd is how the command ended, and why.
type AppEnd struct {
	Name     string
	Exit     app.Exit
	Verdict  app.Verdict
	Expected bool // it was asked to end
	Last     *health.State
}

// Regular reports whether there is nothing to explain.
func (e *AppEnd) Regular() bool {
	return e.Verdict.Cause == app.Ended && (e.Expected || e.Exit.Code == 0)
}

// Log writes the end of the command to log, with the vitals of the last state.
func (e *AppEnd) Log(log *slog.Logger) {
	level := slog.LevelInfo
	if !e.Regular() {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("name", e.Name), slog.Int("code", e.Exit.Code)}
	if e.Exit.Signal != 0 {
		attrs = append(attrs, slog.String("signal", app.SignalName(e.Exit.Signal)))
	}
	attrs = append(attrs, slog.Bool("oomKilled", e.Verdict.Cause == app.OOMKilled))
	if reason := e.Verdict.Cause.String(); reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	attrs = append(attrs, processAttrs(e.Verdict.Victim)...)
	log.LogAttrs(context.Background(), level, "app ended", append(attrs, vitals(e.Last)...)...)
}

// Message returns the end of the command as a termination message.
func (e *AppEnd) Message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s ended with exit code %d", e.Name, e.Exit.Code)
	if e.Exit.Signal != 0 {
		fmt.Fprintf(&b, " (%s)", app.SignalName(e.Exit.Signal))
	}
	if reason := e.Verdict.Cause.String(); reason != "" {
		b.WriteString(": " + reason)
	}
	if victim := e.Verdict.Victim; victim.PID != 0 {
		fmt.Fprintf(&b, ", %s (pid %d), which had %.1f MiB", victim.Name, victim.PID,
			float64(victim.AnonBytes)/(1<<20))
	}
	b.WriteString(". " + e.Last.MemorySummary())
	return b.String()
}

// processAttrs returns a process with the names of the report, or nothing for none.
func processAttrs(p app.Process) []slog.Attr {
	if p.PID == 0 {
		return nil
	}
	return []slog.Attr{slog.Group("process",
		slog.String("name", p.Name), slog.Int("pid", p.PID),
		slog.Int64("rssBytes", p.RSSBytes), slog.Int64("anonBytes", p.AnonBytes))}
}
