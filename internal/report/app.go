package report

import "github.com/halobuzz/healthd/internal/health"

// App has the values of health.App.
type App struct {
	Name          string    `json:"name"`
	PID           int       `json:"pid"`
	UptimeSeconds int64     `json:"uptimeSeconds"`
	AnonBytes     *int64    `json:"anonBytes,omitempty"` // of all processes
	Processes     []Process `json:"processes,omitempty"`
}

// Process has the values of app.Process.
type Process struct {
	Name      string `json:"name"`
	PID       int    `json:"pid"`
	RSSBytes  int64  `json:"rssBytes"`
	AnonBytes int64  `json:"anonBytes"`
}

func newApp(s *health.State) *App {
	if s.App == nil {
		return nil
	}
	a := &App{
		Name:          s.App.Name,
		PID:           s.App.PID,
		UptimeSeconds: int64(s.Time.Sub(s.App.Started).Seconds()),
	}
	if p := &s.App.Processes; len(p.Largest) > 0 {
		a.AnonBytes = &p.AnonBytes
		a.Processes = make([]Process, len(p.Largest))
		for i, process := range p.Largest {
			a.Processes[i] = Process(process)
		}
	}
	return a
}
