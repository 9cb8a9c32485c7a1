package health

import (
	"time"

	"github.com/halobuzz/healthd/internal/app"
	"github.com/halobuzz/healthd/internal/probe"
)

// App is the command that healthd runs, with the processes beside healthd.
type App struct {
	Name      string
	PID       int
	Started   time.Time
	Processes app.Processes

	Check          *probe.Record // whether the command answers; nil if it is not asked
	JudgesLiveness bool          // Check decides whether the command hangs, too
}
