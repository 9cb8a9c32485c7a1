package app

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// procStatus reads /proc/PID/status.
func procStatus(t *testing.T, pid int) map[string]string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprint("/proc/", pid, "/status"))
	if err != nil {
		t.Fatal(err)
	}
	return parseStatus(string(status))
}

func parseStatus(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			fields[key] = strings.TrimSpace(value)
		}
	}
	return fields
}

// TestInheritedIsTheKernels compares what exec hands down with what it hands down without healthd.
func TestInheritedIsTheKernels(t *testing.T) {
	t.Parallel()
	const script = `sleep 0.1
		grep -E '^(Sig[^Q]|Shd|THP|Umask|Cap|NoNewPrivs|Seccomp)' /proc/self/status
		ulimit -a; ls -l /proc/self/fd | wc -l; pwd; nice; cat /proc/self/oom_score_adj`
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// The limit is lowered first, because Go raises it for itself.
	inherited := func(prefix string) string {
		cmd := command(t)
		cmd.Path = "/bin/sh"
		cmd.Args = []string{"sh", "-c", "ulimit -Sn 1000; exec " + prefix + ` sh -c "$0"`, script}
		_, got, _ := start(t, cmd).end()
		return got
	}
	want, got := inherited(""), inherited(path+" --")
	if got != want {
		t.Errorf("the command has inherited:\n%s\nwant:\n%s", got, want)
	}
	status := parseStatus(got)
	if ignored := standardSignals(t, status["SigIgn"]); ignored != 0 {
		t.Errorf("SigIgn is %#x, want no signal", ignored)
	}
	if huge := status["THP_enabled"]; huge != "1" {
		t.Errorf("THP_enabled is %q, want 1", huge)
	}
}

// TestNohupIsTheKernels starts the program as nohup does: the command must inherit that SIGHUP is
// ignored.
func TestNohupIsTheKernels(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t)
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `trap '' HUP; exec "$0" -- grep SigIgn /proc/self/status`, path}
	_, got, _ := start(t, cmd).end()
	const want = 1 << (syscall.SIGHUP - 1)
	if ignored := standardSignals(t, parseStatus(got)["SigIgn"]); ignored != want {
		t.Errorf("SigIgn is %#x, want %#x", ignored, want)
	}
}

// standardSignals parses a mask of signals without the real-time ones: GNU make starts its
// recipes with 32 and 33 ignored.
func standardSignals(t *testing.T, mask string) uint64 {
	t.Helper()
	bits, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bits & (1<<31 - 1)
}

// TestStopWrappedIsTheKernels leaves a wrapper behind that passes SIGTERM on.
func TestStopWrappedIsTheKernels(t *testing.T) {
	t.Parallel()
	// As npm, cross-env and node: the app tells how many signals it got within 0.3 s.
	const wrapped = `trap 'exit 6' TERM
		(app() { n=0; trap 'n=$((n+1)); end=30' TERM; echo up; end=-1
			while [ $end != 0 ]; do sleep 0.01; end=$((end-1)); done; echo $n SIGTERM; }
		trap 'sleep 0.1; kill $!' TERM; app & wait; wait) &
		while :; do sleep 0.01; done`
	r := start(t, shell(t, wrapped, "-timeout", "10s"))
	if got := r.line(); got != "up" {
		t.Fatalf("first line %q, want up", got)
	}
	r.signal(syscall.SIGTERM)
	const want = "code 6 signal 0 byUs false empty true"
	code, stdout, last := r.end()
	if code != 6 || stdout != "1 SIGTERM\n" || !strings.HasSuffix(last, want) {
		t.Errorf("end() = %d, %q, %q, want 6, one SIGTERM, %q", code, stdout, last, want)
	}
}

// TestSubreaperIsTheKernels has a process whose parents have ended. The program is not PID 1 here.
func TestSubreaperIsTheKernels(t *testing.T) {
	t.Parallel()
	// The daemon leaves the group, and ends while the command lives.
	const script = `(setsid sh -c 'echo $$; read x' <&3 &); echo up; while :; do sleep 0.01; done`
	cmd := shell(t, script)
	daemonStdin, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer release.Close()
	cmd.ExtraFiles = []*os.File{daemonStdin}
	r := start(t, cmd)
	daemonStdin.Close()
	lines := []string{r.line(), r.line()}
	daemon := 0
	for _, line := range lines {
		if line != "up" {
			daemon, _ = strconv.Atoi(line)
		}
	}
	eventually(t, "the daemon is a child of the program", func() bool {
		return procStatus(t, daemon)["PPid"] == strconv.Itoa(r.cmd.Process.Pid)
	})
	release.Write([]byte("\n"))
	eventually(t, "the daemon is reaped", func() bool {
		_, err := os.Stat(fmt.Sprint("/proc/", daemon))
		return os.IsNotExist(err)
	})
	r.signal(syscall.SIGTERM)
	r.end()
}

// TestStoppedIsTheKernels stops the command: only SIGTSTP is undone.
func TestStoppedIsTheKernels(t *testing.T) {
	t.Parallel()
	// The shell starts no process meanwhile: it would wait in vfork(2) for a child that is stopped
	// before its exec, and not stop itself.
	cmd := shell(t, `trap 'echo continued' CONT; echo $$; while :; do read x; done`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	r := start(t, cmd)
	pid, err := strconv.Atoi(r.line())
	if err != nil {
		t.Fatal(err)
	}
	stopped := func() bool { return strings.HasPrefix(procStatus(t, pid)["State"], "T") }
	for range 5 {
		syscall.Kill(-pid, syscall.SIGTSTP)
		if got := r.line(); got != "continued" {
			t.Errorf("after SIGTSTP the command wrote %q, want continued", got)
		}
	}
	syscall.Kill(pid, syscall.SIGSTOP)
	eventually(t, "the command is stopped", stopped)
	time.Sleep(50 * time.Millisecond) // the program could still continue it
	if !stopped() {
		t.Error("the command continues after SIGSTOP, want it stopped")
	}
	syscall.Kill(pid, syscall.SIGCONT)
	r.signal(syscall.SIGTERM)
	if code, _, _ := r.end(); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
}

// TestManyOrphans makes more orphans than SIGCHLD can announce one by one.
func TestManyOrphans(t *testing.T) {
	t.Parallel()
	const script = `i=0; while [ $i -lt 300 ]; do (sleep 0.01 &); i=$((i+1)); done; echo made
		while :; do sleep 0.1; done`
	r := start(t, shell(t, script))
	r.line()
	eventually(t, "no zombie is left", func() bool {
		return !bytes.Contains(childStates(t, r.cmd.Process.Pid), []byte("Z"))
	})
	r.signal(syscall.SIGTERM)
	r.end()
}

// childStates returns the states of a process's children, one letter each.
func childStates(t *testing.T, parent int) []byte {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var states []byte
	for _, entry := range entries {
		stat, _ := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if got, _, ok := parseStat(stat); ok && got == parent {
			states = append(states, stat[bytes.LastIndexByte(stat, ')')+2])
		}
	}
	return states
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// TestWrongArchitecture starts an executable for a machine that does not exist.
func TestWrongArchitecture(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	elf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elf[18], elf[19] = 0xfe, 0xfe // e_machine: elf(5)
	other := t.TempDir() + "/other"
	if err := os.WriteFile(other, elf, 0o755); err != nil {
		t.Fatal(err)
	}
	code, _, last := start(t, command(t, "--", other)).end()
	if code != 126 || !strings.Contains(last, "exec format error") {
		t.Errorf("end() = %d, %q, want 126 and exec format error", code, last)
	}
}
