// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// single refuses anything but one argument, as the directives of a special
// kind must do for themselves.
func single(args []string) error {
	if len(args) != 1 {
		return refusal("wrong number of arguments")
	}
	return nil
}

// savePoints is the directive save. Lines of a file add up; the first of them
// replaces the default, and an empty one forgets all before it.
type savePoints struct{}

func (savePoints) init(v *Values) {
	v.Save = []SavePoint{
		{time.Hour, 1}, {5 * time.Minute, 100}, {time.Minute, 10000},
	}
}

func (savePoints) set(v *Values, args []string, loading *loadState) error {
	if len(args) == 1 && args[0] == "" {
		v.Save, args = nil, nil
	}
	points, err := parseSavePoints(args)
	if err != nil {
		return err
	}
	switch {
	case loading == nil:
		v.Save = nil
	case !loading.sawSave:
		loading.sawSave = true
		v.Save = nil
	}
	v.Save = append(v.Save[:len(v.Save):len(v.Save)], points...)
	return nil
}

func parseSavePoints(args []string) ([]SavePoint, error) {
	invalid := refusal("Invalid save parameters")
	if len(args)%2 != 0 {
		return nil, invalid
	}
	var points []SavePoint
	for i := 0; i < len(args); i += 2 {
		seconds, err1 := strconv.ParseInt(args[i], 10, 32)
		changes, err2 := strconv.ParseInt(args[i+1], 10, 32)
		if err1 != nil || err2 != nil || seconds < 1 || changes < 0 {
			return nil, invalid
		}
		points = append(points, SavePoint{time.Duration(seconds) * time.Second, changes})
	}
	return points, nil
}

func (p SavePoint) String() string {
	return fmt.Sprintf("%d %d", int64(p.Period/time.Second), p.Changes)
}

func (savePoints) get(v *Values) string {
	points := make([]string, len(v.Save))
	for i, p := range v.Save {
		points[i] = p.String()
	}
	return strings.Join(points, " ")
}

func (savePoints) lines(v, _ *Values) []fileLine {
	if len(v.Save) == 0 {
		return []fileLine{{`""`, true}}
	}
	lines := make([]fileLine, len(v.Save))
	for i, p := range v.Save {
		lines[i] = fileLine{p.String(), true}
	}
	return lines
}

// outputLimits is client-output-buffer-limit: groups of class, hard limit,
// soft limit and seconds.
type outputLimits struct{}

var clientClasses = [...]string{ClientNormal: "normal", ClientReplica: "slave", ClientPubSub: "pubsub"}

func (outputLimits) init(v *Values) {
	v.OutputBufferLimits = [...]OutputBufferLimit{
		ClientNormal:  {},
		ClientReplica: {256 << 20, 64 << 20, time.Minute},
		ClientPubSub:  {32 << 20, 8 << 20, time.Minute},
	}
}

func (outputLimits) set(v *Values, args []string, _ *loadState) error {
	if len(args)%4 != 0 {
		return refusal("Wrong number of arguments in buffer limit configuration.")
	}
	for i := 0; i < len(args); i += 4 {
		class, ok := clientClass(args[i])
		if !ok {
			return refusal("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := ParseMemory(args[i+1])
		soft, ok2 := ParseMemory(args[i+2])
		seconds, err := strconv.ParseInt(args[i+3], 10, 32)
		if !ok1 || !ok2 || err != nil || seconds < 0 {
			return refusal("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		v.OutputBufferLimits[class] = OutputBufferLimit{hard, soft, time.Duration(seconds) * time.Second}
	}
	return nil
}

func clientClass(name string) (ClientClass, bool) {
	if strings.EqualFold(name, "replica") {
		return ClientReplica, true
	}
	for class, n := range clientClasses {
		if strings.EqualFold(name, n) {
			return ClientClass(class), true
		}
	}
	return 0, false
}

func (outputLimits) get(v *Values) string {
	var groups []string
	for class, l := range v.OutputBufferLimits {
		groups = append(groups, fmt.Sprintf("%s %d %d %d", clientClasses[class], l.Hard, l.Soft, int64(l.SoftPeriod/time.Second)))
	}
	return strings.Join(groups, " ")
}

func (outputLimits) lines(v, def *Values) []fileLine {
	var lines []fileLine
	for class, l := range v.OutputBufferLimits {
		name := clientClasses[class]
		if ClientClass(class) == ClientReplica {
			name = "replica"
		}
		lines = append(lines, fileLine{
			fmt.Sprintf("%s %s %s %d", name, formatMemory(l.Hard), formatMemory(l.Soft), int64(l.SoftPeriod/time.Second)),
			l != def.OutputBufferLimits[class],
		})
	}
	return lines
}

// addresses is a list to listen on: bind, admin-bind.
type addresses struct {
	at  func(*Values) *[]string
	def []string
}

const mostAddresses = 16

func (a addresses) init(v *Values) { *a.at(v) = a.def }

func (a addresses) set(v *Values, args []string, _ *loadState) error {
	if len(args) > mostAddresses {
		return refusal("Too many bind addresses specified.")
	}
	if len(args) == 1 && args[0] == "" {
		args = nil
	}
	*a.at(v) = append([]string(nil), args...)
	return nil
}

func (a addresses) get(v *Values) string { return strings.Join(*a.at(v), " ") }

func (a addresses) lines(v, _ *Values) []fileLine {
	switch written := a.get(v); written {
	case strings.Join(a.def, " "):
		return nil
	case "":
		return []fileLine{{`""`, true}}
	default:
		return []fileLine{{written, true}}
	}
}

// masterAddress is replicaof: a host and a port, or "no one".
type masterAddress struct{}

func (masterAddress) init(*Values) {}

func (masterAddress) set(v *Values, args []string, _ *loadState) error {
	if len(args) != 2 {
		return refusal("wrong number of arguments")
	}
	v.ReplicaOf = HostPort{}
	if strings.EqualFold(args[0], "no") && strings.EqualFold(args[1], "one") {
		return nil
	}
	port, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil || port < 0 || port > 65535 {
		return refusal("Invalid master port")
	}
	v.ReplicaOf = HostPort{args[0], int(port)}
	return nil
}

func (masterAddress) get(v *Values) string {
	if v.ReplicaOf == (HostPort{}) {
		return ""
	}
	return v.ReplicaOf.Host + " " + strconv.Itoa(v.ReplicaOf.Port)
}

func (m masterAddress) lines(v, _ *Values) []fileLine {
	if written := m.get(v); written != "" {
		return []fileLine{{written, true}}
	}
	return nil
}

// directory is dir. Redis changes the process's working directory; here it is
// a path that every relative path is resolved against, so that several nodes
// can live in one process.
type directory struct{}

func (directory) init(v *Values) {
	wd, err := os.Getwd()
	if err == nil {
		wd, err = filepath.EvalSymlinks(wd)
	}
	if err != nil {
		wd = string(filepath.Separator)
	}
	v.Dir = wd
}

func (directory) set(v *Values, args []string, _ *loadState) error {
	if err := single(args); err != nil {
		return err
	}
	// The trailing "/." makes the system check what chdir would: that it is a
	// directory and may be entered.
	path := v.Path(args[0])
	if _, err := os.Stat(path + string(filepath.Separator) + "."); err != nil {
		return refusal(systemError(err))
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return refusal(systemError(err))
	}
	v.Dir = real
	return nil
}

func (directory) get(v *Values) string { return v.Dir }

func (directory) lines(v, _ *Values) []fileLine { return []fileLine{{quote(v.Dir), true}} }

// Path resolves a file name against the directory.
func (v *Values) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(v.Dir, name)
}

// heldList is a directive without effect that takes several arguments: parse
// checks them and returns how CONFIG GET shows them.
type heldList struct {
	at    func(*Values) *string
	def   string
	parse func(args []string) (string, error)
	write func(shown string) string // how a file shows it; nil: as CONFIG GET
	force bool                      // always written into a file
}

func (l *heldList) hold(s *heldSlots) { l.at = s.text() }

func (l *heldList) init(v *Values) { *l.at(v) = l.def }

func (l *heldList) set(v *Values, args []string, _ *loadState) error {
	shown, err := l.parse(args)
	if err == nil {
		*l.at(v) = shown
	}
	return err
}

func (l *heldList) get(v *Values) string { return *l.at(v) }

func (l *heldList) lines(v, _ *Values) []fileLine {
	shown := *l.at(v)
	args := shown
	if l.write != nil {
		args = l.write(shown)
	} else if args == "" {
		args = `""`
	}
	return []fileLine{{args, l.force || shown != l.def}}
}

func parseOOMScores(args []string) (string, error) {
	if len(args) != 3 {
		return "", refusal("wrong number of arguments")
	}
	shown := make([]string, len(args))
	for i, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || n < -2000 || n > 2000 {
			return "", refusal("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		shown[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(shown, " "), nil
}

// notifyClasses are the letters of notify-keyspace-events in the order in
// which Redis shows them; "A" stands for those before K.
const notifyClasses = "g$lshzxetdnKEm"

func parseNotifyEvents(args []string) (string, error) {
	if err := single(args); err != nil {
		return "", err
	}
	const all = "g$lshzxetdn"
	letters := strings.ReplaceAll(args[0], "A", all)
	if strings.Trim(letters, notifyClasses) != "" {
		return "", refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
	}
	shown := ""
	for _, c := range notifyClasses {
		if strings.ContainsRune(letters, c) {
			shown += string(c)
		}
	}
	if rest, ok := strings.CutPrefix(shown, all); ok {
		shown = "A" + rest
	}
	return shown, nil
}

func parsePercentiles(args []string) (string, error) {
	if len(args) == 1 && args[0] == "" {
		args = nil
	}
	shown := make([]string, len(args))
	for i, arg := range args {
		p, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			return "", refusal("Invalid latency-tracking-info-percentiles parameters")
		}
		if !(p >= 0 && p <= 100) {
			return "", refusal("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		six := strconv.FormatFloat(p, 'f', 6, 64)
		shown[i] = strings.TrimSuffix(strings.TrimRight(six, "0"), ".")
	}
	return strings.Join(shown, " "), nil
}
