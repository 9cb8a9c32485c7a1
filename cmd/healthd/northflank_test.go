package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/halobuzz/healthd/internal/config"
	"github.com/halobuzz/healthd/internal/report"
)

// spec is a service of Northflank's API, as far as the README has it.
type spec struct {
	Name       string
	Billing    struct{ DeploymentPlan string }
	Deployment struct {
		Instances          int
		Docker             struct{ ConfigType string }
		GracePeriodSeconds int
	}
	VCSData       struct{ ProjectURL, ProjectType, ProjectBranch string }
	BuildSettings struct {
		Dockerfile struct{ BuildEngine, DockerFilePath, DockerWorkDir string }
	}
	Ports []struct {
		Name         string
		InternalPort int
		Public       bool
		Protocol     string
	}
	RuntimeEnvironment map[string]string
	HealthChecks       []specProbe
}

type specProbe struct {
	Protocol, Type, Path                                                       string
	Port, InitialDelaySeconds, PeriodSeconds, TimeoutSeconds, FailureThreshold *int
}

// readSpec returns one of the README's JSON blocks.
func readSpec(t *testing.T, block int) spec {
	t.Helper()
	var s spec
	d := json.NewDecoder(strings.NewReader(jsonBlocks(t)[block]))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// config returns the configuration that the specified environment leads to.
func (s spec) config(t *testing.T, command bool) config.Config {
	t.Helper()
	getenv := func(key string) string { return s.RuntimeEnvironment[key] }
	cfg, err := config.Load(getenv, "no such file", command)
	if err != nil {
		t.Fatalf("the environment is refused: %v", err)
	}
	grace := time.Duration(s.Deployment.GracePeriodSeconds) * time.Second
	if stop := cfg.DrainDelay + cfg.ShutdownTimeout; grace <= stop {
		t.Errorf("gracePeriodSeconds = %v, want more than %v", grace, stop)
	}
	return cfg
}

// TestReadmeNorthflankSpec holds the README's spec against the program and the Dockerfile.
func TestReadmeNorthflankSpec(t *testing.T) {
	t.Parallel()
	s := readSpec(t, 1)
	port := int(s.config(t, false).Listen.Port)
	if len(s.Ports) != 1 {
		t.Fatalf("%d ports, want 1", len(s.Ports))
	}
	p := s.Ports[0]
	if p.InternalPort != port || !p.Public || p.Protocol != "HTTP" || len(p.Name) > 8 {
		t.Errorf("port %+v, want %d, public, with a name of at most 8 characters", p, port)
	}
	exposed := "\nEXPOSE " + strconv.Itoa(port) + "\n"
	if !strings.Contains(readFile(t, "Dockerfile"), exposed) {
		t.Errorf("the Dockerfile lacks %q", exposed)
	}
	checkSpecProbes(t, s.HealthChecks, port, report.LivePath)
	if file := s.BuildSettings.Dockerfile.DockerFilePath; file != "/Dockerfile" {
		t.Errorf("dockerFilePath = %q, want /Dockerfile", file)
	}
	if plan := s.Billing.DeploymentPlan; plan != "nf-compute-10" {
		t.Errorf("deploymentPlan = %q, want nf-compute-10", plan)
	}
}

// TestReadmeNorthflankAppSpec holds the parts that an app's service needs to the program: traffic
// goes to the app and the probes to healthd, whose readiness waits for the app.
func TestReadmeNorthflankAppSpec(t *testing.T) {
	t.Parallel()
	s := readSpec(t, 2)
	cfg := s.config(t, true)
	port := int(cfg.Listen.Port)
	if cfg.AppCheck == nil {
		t.Error("readiness does not wait for the app, want a PORT to connect to")
	}
	public := map[string]bool{strconv.Itoa(port): false, s.RuntimeEnvironment["PORT"]: true}
	for _, p := range s.Ports {
		number := strconv.Itoa(p.InternalPort)
		want, known := public[number]
		if !known || p.Public != want || p.Protocol != "HTTP" || len(p.Name) > 8 {
			t.Errorf("port %+v, want public %v and a name of at most 8 characters", p, want)
		}
		delete(public, number)
	}
	if len(public) > 0 {
		t.Errorf("missing ports: %v", public)
	}
	checkSpecProbes(t, s.HealthChecks, port, report.ReadyPath)
	line := "\nENV HEALTHD_PORT=" + strconv.Itoa(port) + "\n"
	if !strings.Contains(readFile(t, "README.md"), line) {
		t.Errorf("the README's Dockerfile lacks %q", line)
	}
}

func checkSpecProbes(t *testing.T, probes []specProbe, port int, startupPath string) {
	t.Helper()
	paths := map[string]string{
		"startupProbe":   startupPath,
		"livenessProbe":  report.LivePath,
		"readinessProbe": report.ReadyPath,
	}
	for _, p := range probes {
		if p.Protocol != "HTTP" || p.Path == "" || p.Path != paths[p.Type] {
			t.Errorf("probe %+v, want HTTP on %q", p, paths[p.Type])
		}
		delete(paths, p.Type)
		if p.Port == nil || *p.Port != port {
			t.Errorf("%s asks another port than %d", p.Type, port)
		}
		if p.InitialDelaySeconds == nil || p.PeriodSeconds == nil || p.FailureThreshold == nil {
			t.Errorf("%s lacks a required field", p.Type)
		}
		if p.TimeoutSeconds == nil || *p.TimeoutSeconds < 5 {
			t.Errorf("%s has no timeout of 5 s, which 0.1 vCPU needs", p.Type)
		}
	}
	if len(paths) > 0 {
		t.Errorf("missing probes: %v", paths)
	}
}
