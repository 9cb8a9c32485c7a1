package memory

import "testing"

// TestContainerOOMKills has the count in the process's own cgroup, while the figures are those of
// its parent, the fullest one.
func TestContainerOOMKills(t *testing.T) {
	t.Parallel()
	v1 := func(events string) fakeSystem {
		return newMachine("4:memory:/a/b\n", mount1, "sys/fs/cgroup/memory", files{
			"a/memory.limit_in_bytes": "209715200\n", "a/memory.usage_in_bytes": "190000000\n",
			"a/memory.oom_control":      "oom_kill_disable 0\nunder_oom 0\noom_kill 9\n",
			"a/b/memory.usage_in_bytes": "1000000\n", "a/b/memory.oom_control": events,
		})
	}
	v2 := func(events string) fakeSystem {
		return newMachine("0::/a/b\n", mount2, "sys/fs/cgroup", files{
			"a/memory.max": "209715200\n", "a/memory.current": "190000000\n",
			"a/memory.events":    "oom_kill 9\n",
			"a/b/memory.current": "1000000\n", "a/b/memory.events": events,
		})
	}
	for _, tt := range []struct {
		name   string
		system fakeSystem
		want   Count
	}{
		{"v1", v1("oom_kill_disable 0\nunder_oom 1\noom_kill 3\n"), Count{3, true}},
		{"v1 before Linux 4.13", v1("oom_kill_disable 0\nunder_oom 0\n"), Count{}},
		{"v2", v2("low 0\nhigh 1\nmax 40\noom 2\noom_kill 3\noom_group_kill 1\n"), Count{3, true}},
		{"v2 without a kill", v2("low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"), Count{0, true}},
		{"v2 before Linux 4.13", v2("low 0\nhigh 0\nmax 0\noom 0\n"), Count{}},
		{"cut short", v2("low 0\noom_kill 3"), Count{}},
		{"empty", v2(""), Count{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := OOMKills(tt.system); got != tt.want {
				t.Errorf("OOMKills() = %v, want %v", got, tt.want)
			}
			c := NewReader(tt.system).Read().Container
			if c.OOMKills != tt.want || c.Limit != known(200*mib) {
				t.Errorf("Read() = OOMKills %v, Limit %v, want %v, %v",
					c.OOMKills, c.Limit, tt.want, known(200*mib))
			}
		})
	}
}

func TestOOMKillsAbsent(t *testing.T) {
	t.Parallel()
	if got := OOMKills(newFakeSystem()); got.Known {
		t.Errorf("OOMKills() of no files = %v, want unknown", got)
	}
}
