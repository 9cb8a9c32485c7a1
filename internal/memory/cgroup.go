package memory

import (
	"path"
	"slices"
	"strings"
)

// ContainerSource is the version of the memory controller that a Container comes from.
type ContainerSource string

// The versions of the memory controller.
const (
	Cgroup1 ContainerSource = "cgroup1"
	Cgroup2 ContainerSource = "cgroup2"
)

// cgroupDirs returns the directories of the process's memory cgroup and of those above it, up to
// the mount, from the contents of /proc/self/cgroup and /proc/self/mountinfo. A hybrid system
// mounts both versions, with the memory controller in v1.
func cgroupDirs(cgroup, mountinfo []byte) (dirs []string, source ContainerSource) {
	group, source := memoryCgroup(string(cgroup))
	if group == "" {
		return nil, ""
	}
	for line := range strings.Lines(string(mountinfo)) {
		m, ok := parseMount(line)
		if !ok || !m.serves(source) {
			continue
		}
		below, ok := m.below(group)
		if !ok {
			continue
		}
		for {
			dirs = append(dirs, path.Join(m.point, below))
			if below == "/" {
				return dirs, source
			}
			below = path.Dir(below)
		}
	}
	return nil, ""
}

// memoryCgroup returns the path of the process's memory cgroup from lines as in cgroups(7),
// "hierarchy-ID:controller-list:cgroup-path". The path may contain colons, as in
// "…slice:cri-containerd:…".
func memoryCgroup(cgroup string) (group string, source ContainerSource) {
	for line := range strings.Lines(cgroup) {
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(part) != 3 || !strings.HasPrefix(part[2], "/") {
			continue
		}
		if slices.Contains(strings.Split(part[1], ","), "memory") {
			return part[2], Cgroup1
		}
		if part[0] == "0" && part[1] == "" {
			group, source = part[2], Cgroup2
		}
	}
	return group, source
}

// mount is a part of a line of proc_pid_mountinfo(5).
type mount struct {
	root    string // the directory of the file system that is mounted
	point   string // where it is mounted
	fstype  string
	options []string // the file system's own
}

// parseMount parses a line such as
//
//	36 35 98:0 /root /point rw,noatime master:1 - fstype source options
//
// with any number of optional fields before the " - ". The fields after it are not always
// escaped: WSL writes "C:\Program Files" there.
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
	fields := strings.Split(before, " ")
	tail := strings.SplitN(after, " ", 3)
	if !ok || len(fields) < 6 || len(tail) != 3 {
		return mount{}, false
	}
	m := mount{
		root:    unescape(fields[3]),
		point:   unescape(fields[4]),
		fstype:  tail[0],
		options: strings.Split(tail[2], ","),
	}
	return m, strings.HasPrefix(m.root, "/") && strings.HasPrefix(m.point, "/")
}

// serves reports whether m is a mount of the memory controller of the given version.
func (m mount) serves(source ContainerSource) bool {
	if source == Cgroup2 {
		return m.fstype == "cgroup2"
	}
	return m.fstype == "cgroup" && slices.Contains(m.options, "memory")
}

// below returns the path of group below the mount, which is "/" for the mount itself.
func (m mount) below(group string) (string, bool) {
	if group == "/.." || strings.HasPrefix(group, "/../") {
		return "/", true // outside the namespace, of which the mount is all that is visible
	}
	group = path.Clean(group)
	if m.root == "/" {
		return group, true
	}
	rest, ok := strings.CutPrefix(group, m.root)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return "/" + strings.TrimPrefix(rest, "/"), true
}

// unescape replaces the kernel's \ooo by the space, tab, newline or backslash it stands for.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) &&
			octal(s[i+1], '3') && octal(s[i+2], '7') && octal(s[i+3], '7') {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c, highest byte) bool { return '0' <= c && c <= highest }
