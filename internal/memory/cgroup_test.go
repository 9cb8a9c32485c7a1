package memory

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestMemoryCgroup(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cgroup string
		group        string
		source       ContainerSource
	}{
		{"v2", "0::/app/web\n", "/app/web", Cgroup2},
		{"v2 in a namespace", "0::/\n", "/", Cgroup2},
		{"v1", "4:memory:/docker/id\n3:cpuset:/\n", "/docker/id", Cgroup1},
		{"v1 with other controllers", "4:cpu,memory,pids:/a\n", "/a", Cgroup1},
		{"hybrid, v1 first", "4:memory:/a\n0::/b\n", "/a", Cgroup1},
		{"hybrid, v2 first", "0::/b\n4:memory:/a\n", "/a", Cgroup1},
		{"hybrid, memory not in v1", "1:cpu:/a\n0::/b\n", "/b", Cgroup2},
		{"a name that is no controller", "1:name=memory:/a\n0::/b\n", "/b", Cgroup2},
		{"a longer controller", "1:memoryx:/a\n0::/b\n", "/b", Cgroup2},
		{
			"colons in the path", "0::/system.slice:cri-containerd:4f5e\n",
			"/system.slice:cri-containerd:4f5e", Cgroup2,
		},
		{
			"colons in v1's path", "9:memory:/kubepods-pod1.slice:cri-containerd:4f5e\n",
			"/kubepods-pod1.slice:cri-containerd:4f5e", Cgroup1,
		},
		{"outside the namespace", "0::/../../a\n", "/../../a", Cgroup2},
		{"a removed cgroup", "0::/a (deleted)\n", "/a (deleted)", Cgroup2},
		{"empty", "", "", ""},
		{"empty lines", "\n\n", "", ""},
		{"no path", "0::\n", "", ""},
		{"relative path", "4:memory:a\n", "", ""},
		{"cut before the path", "0:", "", ""},
		{"a hierarchy that is not 0, without controllers", "1::/a\n", "", ""},
		{"bad lines are skipped", "what\n:::\n0::/a\n", "/a", Cgroup2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			group, source := memoryCgroup(tt.cgroup)
			if group != tt.group || source != tt.source {
				t.Errorf("memoryCgroup(%q) = %q, %q, want %q, %q",
					tt.cgroup, group, source, tt.group, tt.source)
			}
		})
	}
}

func TestCgroupDirs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cgroup, mountinfo string
		want                    []string
		source                  ContainerSource
	}{
		{
			name: "v2", cgroup: "0::/a/b\n", mountinfo: mount2,
			want: []string{"/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"}, source: Cgroup2,
		},
		{
			name: "v2 in a namespace", cgroup: "0::/\n", mountinfo: mount2,
			want: []string{"/sys/fs/cgroup"}, source: Cgroup2,
		},
		{
			name:      "Kubernetes, with colons",
			cgroup:    "0::/system.slice/kubepods-pod1.slice:cri-containerd:4f5e\n",
			mountinfo: mount2,
			want: []string{
				"/sys/fs/cgroup/system.slice/kubepods-pod1.slice:cri-containerd:4f5e",
				"/sys/fs/cgroup/system.slice", "/sys/fs/cgroup",
			},
			source: Cgroup2,
		},
		{
			name: "outside the namespace", cgroup: "0::/../../kubepods/pod1/4f5e\n", mountinfo: mount2,
			want: []string{"/sys/fs/cgroup"}, source: Cgroup2,
		},
		{
			name: "the namespace's parent", cgroup: "0::/..\n", mountinfo: mount2,
			want: []string{"/sys/fs/cgroup"}, source: Cgroup2,
		},
		{
			name: "a name that only begins with dots", cgroup: "0::/..a\n", mountinfo: mount2,
			want: []string{"/sys/fs/cgroup/..a", "/sys/fs/cgroup"}, source: Cgroup2,
		},
		{
			name: "the mount shows the cgroup itself", cgroup: "4:memory:/docker/id\n",
			mountinfo: "86 82 0:32 /docker/id /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			want:      []string{"/sys/fs/cgroup/memory"}, source: Cgroup1,
		},
		{
			name: "the mount shows a parent", cgroup: "4:memory:/docker/id/child\n",
			mountinfo: "86 82 0:32 /docker/id /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			want:      []string{"/sys/fs/cgroup/memory/child", "/sys/fs/cgroup/memory"}, source: Cgroup1,
		},
		{
			name: "the mount shows another with the same beginning", cgroup: "4:memory:/docker/idle\n",
			mountinfo: "86 82 0:32 /docker/id /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
		},
		{
			name: "the mount shows a child", cgroup: "4:memory:/docker\n",
			mountinfo: "86 82 0:32 /docker/id /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
		},
		{
			name: "the second mount fits", cgroup: "4:memory:/docker/id\n",
			mountinfo: "85 82 0:32 /other /mnt/other ro - cgroup cgroup rw,memory\n" + mount1,
			want: []string{
				"/sys/fs/cgroup/memory/docker/id", "/sys/fs/cgroup/memory/docker",
				"/sys/fs/cgroup/memory",
			},
			source: Cgroup1,
		},
		{
			name: "v1 needs the memory mount", cgroup: "4:memory:/\n1:cpu:/\n",
			mountinfo: "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" + mount1,
			want:      []string{"/sys/fs/cgroup/memory"}, source: Cgroup1,
		},
		{
			name: "hybrid takes v1's mount", cgroup: "4:memory:/a\n0::/b\n",
			mountinfo: "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" + mount1,
			want:      []string{"/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"}, source: Cgroup1,
		},
		{
			name: "hybrid with memory in v2", cgroup: "1:cpu:/a\n0::/b\n",
			mountinfo: "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
				"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			want: []string{"/sys/fs/cgroup/unified/b", "/sys/fs/cgroup/unified"}, source: Cgroup2,
		},
		{
			name: "escaped mount point", cgroup: "0::/a\n",
			mountinfo: `24 22 0:21 / /mnt/my\040cgroups rw - cgroup2 none rw` + "\n",
			want:      []string{"/mnt/my cgroups/a", "/mnt/my cgroups"}, source: Cgroup2,
		},
		{
			name: "escaped root", cgroup: "0::/my app/a\n",
			mountinfo: `24 22 0:21 /my\040app /mnt rw - cgroup2 none rw` + "\n",
			want:      []string{"/mnt/a", "/mnt"}, source: Cgroup2,
		},
		{
			name: "bad lines are skipped", cgroup: "0::/\n",
			mountinfo: "\nwhat\n" +
				"560 77 0:138 / /Docker/host rw - 9p drvfs rw,path=C:\\Program Files\n - \n" + mount2,
			want: []string{"/sys/fs/cgroup"}, source: Cgroup2,
		},
		{
			name: "mounted at the root", cgroup: "0::/a\n",
			mountinfo: "24 22 0:21 / / rw - cgroup2 none rw\n",
			want:      []string{"/a", "/"}, source: Cgroup2,
		},
		{
			name: "another file system's option", cgroup: "4:memory:/\n",
			mountinfo: "24 22 0:21 / /mnt rw - fuse none rw,memory\n",
		},
		{name: "no cgroup", mountinfo: mount2},
		{name: "no mount", cgroup: "0::/\n"},
		{name: "nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, source := cgroupDirs([]byte(tt.cgroup), []byte(tt.mountinfo))
			if !slices.Equal(got, tt.want) || source != tt.source {
				t.Errorf("cgroupDirs(%q, %q) = %q, %q, want %q, %q",
					tt.cgroup, tt.mountinfo, got, source, tt.want, tt.source)
			}
		})
	}
}

func FuzzMemoryCgroup(f *testing.F) {
	for _, seed := range []string{
		"", "\n", ":", "::", "0::", "0::/", "0::/\n", "-1:memory:/\n",
		"4:memory:/a\n0::/b\n", "0::/b\n4:memory:/a\n",
		"1:name=memory:/a\n", "1:cpu,memory:/a:b:c\n", "0::/../x\n", "99999999999999999999:memory:/\n",
		"0::" + strings.Repeat("/a", 5000) + "\n", strings.Repeat("1:cpu:/\n", 1000) + "0::/end",
	} {
		f.Add([]byte(seed))
	}
	addCaptured(f, "proc/self/cgroup")
	f.Fuzz(func(t *testing.T, cgroup []byte) {
		group, source := memoryCgroup(string(cgroup))
		// A line of the file ends in the path, whole.
		var line string
		switch source {
		case "":
			if group != "" {
				t.Errorf("memoryCgroup(%q) = %q without a source", cgroup, group)
			}
			return
		case Cgroup1:
			line = ":" + group
		case Cgroup2:
			line = "0::" + group
		default:
			t.Fatalf("memoryCgroup(%q) has source %q, want cgroup1, cgroup2 or none", cgroup, source)
		}
		if !strings.HasPrefix(group, "/") || strings.Contains(group, "\n") ||
			!strings.Contains(string(cgroup)+"\n", line+"\n") {
			t.Errorf("memoryCgroup(%q) = %q, %q, want an absolute path that ends a line",
				cgroup, group, source)
		}
		// v2 counts only where v1 does not have the controller, wherever its line stands.
		longer := "0::/other\n" + string(cgroup)
		if got, source := memoryCgroup(longer); source == Cgroup1 && got != group {
			t.Errorf("memoryCgroup(%q) = %q, want %q", longer, got, group)
		}
	})
}

func FuzzCgroupDirs(f *testing.F) {
	for _, seed := range []struct{ cgroup, mountinfo string }{
		{"", ""},
		{"0::/\n", ""},
		{"", mount2},
		{"0::/a/b\n", mount2},
		{"0::/../..\n", mount2},
		{"0::/a/../../b/./\n", mount2},
		{"0:://a//b//\n", mount2},
		{"4:memory:/a/b\n", "35 31 0:32 /a/ /sys/../x/ rw - cgroup cgroup rw,memory\n"},
		{"4:memory:/ab\n", "35 31 0:32 /a / rw - cgroup cgroup rw,memory\n" + mount1},
		{"0::/\n", `24 22 0:21 /.. /mnt\057\056\056 rw - cgroup2 none rw` + "\n"},
		{"0::" + strings.Repeat("/a", 300) + "\n", mount2},
		{"0::/a", mount2[:30]},
	} {
		f.Add([]byte(seed.cgroup), []byte(seed.mountinfo))
	}
	f.Fuzz(func(t *testing.T, cgroup, mountinfo []byte) {
		dirs, source := cgroupDirs(cgroup, mountinfo)
		if (len(dirs) > 0) != (source != "") {
			t.Errorf("cgroupDirs(%q, %q) = %q, %q, want both or neither", cgroup, mountinfo, dirs, source)
		}
		for i, dir := range dirs {
			if !path.IsAbs(dir) || path.Clean(dir) != dir {
				t.Errorf("cgroupDirs(%q, %q) has %q, want a clean absolute path", cgroup, mountinfo, dir)
			}
			if i > 0 && dir != path.Dir(dirs[i-1]) {
				t.Errorf("cgroupDirs(%q, %q) has %q after %q, want its parent",
					cgroup, mountinfo, dir, dirs[i-1])
			}
		}
		if len(dirs) > bytes.Count(cgroup, []byte("/"))+1 {
			t.Errorf("cgroupDirs(%q, %q) = %q, want no more than the path has", cgroup, mountinfo, dirs)
		}
	})
}
