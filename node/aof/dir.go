// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Dir is the directory of an AOF. Its methods may be called by any goroutine;
// those that write to the disk wait for each other.
type Dir struct {
	fs   FS
	path string // of the directory
	name string // directive appendfilename

	mu       sync.Mutex
	manifest *Manifest // as on the disk; never written to once it is here

	temps atomic.Int64 // numbers temporary files
}

// Error is a step that failed. Its text is the line that Redis logs.
type Error struct {
	Step string
	Err  error
}

func (e *Error) Error() string { return e.Step + ": " + Reason(e.Err) }

// Unwrap gives the error of the system.
func (e *Error) Unwrap() error { return e.Err }

func failed(err error, format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), err}
}

// NewDir is the AOF of files named name… in the directory path, which need not
// be there yet.
func NewDir(fs FS, path, name string) *Dir {
	return &Dir{fs: fs, path: path, name: name, manifest: &Manifest{}}
}

// Manifest is the present one, not to be written to.
func (d *Dir) Manifest() *Manifest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.manifest
}

// File is the path of a file of the directory.
func (d *Dir) File(name string) string { return filepath.Join(d.path, name) }

// Name is the name that the files' names begin with.
func (d *Dir) Name() string { return d.name }

func (d *Dir) manifestName() string { return d.name + ".manifest" }

// Load reads the manifest from the disk. None is an empty one. Errors are
// *ManifestError and those of the system.
func (d *Dir) Load() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := d.File(d.manifestName())
	f, err := d.fs.Open(path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		d.manifest = &Manifest{}
		return nil
	}
	if err != nil {
		return failed(err, "Fatal error: can't open the AOF manifest file %s for reading", path)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return &ManifestError{Path: path, Reason: "Read AOF manifest failed"}
	}
	m, err := ParseManifest(text)
	var bad *ManifestError
	if errors.As(err, &bad) {
		bad.Path = path
	}
	if err != nil {
		return err
	}
	d.manifest = m
	return nil
}

// Make makes the directory where there is none.
func (d *Dir) Make() error {
	if err := d.fs.Mkdir(d.path); err != nil {
		return failed(err, "Can't open or create append-only dir %s", filepath.Base(d.path))
	}
	return d.syncParent()
}

func (d *Dir) syncParent() error {
	if err := d.fs.SyncDir(filepath.Dir(d.path)); err != nil {
		return failed(err, "Fail to fsync the directory of %s", filepath.Base(d.path))
	}
	return nil
}

// Upgrade takes in the single file that Redis before 7 kept, as the base: at
// the path old, where there is no AOF of several files yet, or where an upgrade
// was broken off. It returns whether there was one.
func (d *Dir) Upgrade(old string) (bool, error) {
	if _, err := d.fs.Size(old); err != nil {
		return false, nil //nolint:nilerr // none is there
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.manifest
	_, absent := d.fs.Size(d.File(d.name))
	interrupted := m.Base != nil && len(m.Increments) == 0 && m.Base.Name == d.name && absent != nil
	if !m.Empty() && !interrupted {
		return false, nil
	}
	if err := d.Make(); err != nil {
		return false, err
	}
	next := &Manifest{Base: &Entry{d.name, 1, Base}, History: m.History, lastBase: 1}
	if err := d.replace(next); err != nil {
		return false, err
	}
	if err := d.fs.Rename(old, d.File(d.name)); err != nil {
		return false, failed(err, "Error trying to move the old AOF file %s into dir %s", d.name, filepath.Base(d.path))
	}
	if err := errors.Join(d.fs.SyncDir(d.path), d.syncParent()); err != nil {
		return false, err
	}
	return true, nil
}

// Sizes are those of the files to be loaded, in bytes: the base's, and all
// together. The error of a file that is missing is Redis's line.
func (d *Dir) Sizes() (base, total int64, err error) {
	m := d.Manifest()
	for _, e := range m.Files() {
		size, err := d.fs.Size(d.File(e.Name))
		if err != nil {
			return 0, 0, failed(withoutPath(err), "Unable to obtain the AOF file %s length. stat", e.Name)
		}
		if e.Kind == Base {
			base = size
		}
		total += size
	}
	return base, total, nil
}

// withoutPath strips what package os adds to an error of the system.
func withoutPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// OpenRead opens a file to be loaded, and gives its size.
func (d *Dir) OpenRead(name string) (File, int64, error) {
	f, err := d.fs.Open(d.File(name), os.O_RDONLY)
	if err != nil {
		return nil, 0, failed(withoutPath(err), "Fatal error: can't open the append log file %s for reading", name)
	}
	size, err := d.fs.Size(d.File(name))
	if err != nil {
		f.Close()
		return nil, 0, failed(withoutPath(err), "Unable to obtain the AOF file %s length. stat", name)
	}
	return f, size, nil
}

// Keep copies what a file holds from an offset on to a file of its own beside it,
// and gives that one's name.
func (d *Dir) Keep(name string, from int64) (kept string, err error) {
	src, size, err := d.OpenRead(name)
	if err != nil {
		return "", err
	}
	defer src.Close()
	if _, err := io.CopyN(io.Discard, src, from); err != nil {
		return "", failed(err, "Error reading the AOF file %s", name)
	}
	kept = fmt.Sprintf("%s.tail-%d", name, from)
	dst, err := d.fs.Open(d.File(kept), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err == nil {
		_, err = io.CopyN(dst, src, size-from)
		err = errors.Join(err, dst.Sync(), dst.Close(), d.fs.SyncDir(filepath.Dir(d.File(kept))))
	}
	if err != nil {
		return "", failed(err, "Error writing the file %s", kept)
	}
	return kept, nil
}

// Cut shortens a file, for good.
func (d *Dir) Cut(name string, size int64) error {
	f, err := d.fs.Open(d.File(name), os.O_WRONLY)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Sync(), f.Close())
	}
	if err != nil {
		return failed(err, "Error truncating the AOF file %s", name)
	}
	return nil
}

const appending = os.O_WRONLY | os.O_APPEND | os.O_CREATE

// OpenLast opens the last increment to append to, or a new one where there is
// none, and removes what an earlier process left unfinished.
func (d *Dir) OpenLast() (f File, e Entry, created bool, err error) {
	d.removeUnfinished()
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.manifest.Increments); n > 0 {
		e = d.manifest.Increments[n-1]
		if f, err = d.fs.Open(d.File(e.Name), appending); err != nil {
			return nil, e, false, failed(err, "Can't open the append-only file %s", e.Name)
		}
		return f, e, false, nil
	}
	f, e, err = d.nextIncrement()
	return f, e, true, err
}

// NextIncrement adds a new increment to the manifest and opens it.
func (d *Dir) NextIncrement() (File, Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nextIncrement()
}

func (d *Dir) nextIncrement() (File, Entry, error) {
	next := d.manifest.clone()
	e := next.addIncrement(d.name)
	f, err := d.create(e.Name)
	if err != nil {
		return nil, e, err
	}
	if err := d.replace(next); err != nil {
		f.Close()
		return nil, e, err
	}
	return f, e, nil
}

func (d *Dir) create(name string) (File, error) {
	f, err := d.fs.Open(d.File(name), appending|os.O_TRUNC)
	if err != nil {
		return nil, failed(err, "Can't open the append-only file %s", name)
	}
	return f, nil
}

// TempIncrement opens the increment of an AOF that has no base yet: the
// manifest names it when the base is there (Adopt).
func (d *Dir) TempIncrement() (f File, name string, err error) {
	if err := d.fs.Mkdir(d.path); err != nil {
		return nil, "", failed(err, "Can't open or create append-only dir %s", filepath.Base(d.path))
	}
	name = fmt.Sprintf("%s%s.%d%s", tempPrefix, d.name, d.temps.Add(1), tempIncrement)
	f, err = d.create(name)
	return f, name, err
}

const (
	tempPrefix    = "temp-"
	tempIncrement = ".incr"
	tempBase      = tempPrefix + "rewriteaof-bg-"
)

// TempBase creates a file that a base is written to, and gives its name.
func (d *Dir) TempBase() (f File, name string, err error) {
	if err := d.Make(); err != nil {
		return nil, "", err
	}
	name = fmt.Sprintf("%s%d-%d.aof", tempBase, os.Getpid(), d.temps.Add(1))
	f, err = d.fs.Open(d.File(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, name, failed(err, "Opening the temp file for AOF rewrite in rewriteAppendOnlyFile()")
	}
	return f, name, nil
}

// removeUnfinished removes temporary files. What can't be removed does no harm.
func (d *Dir) removeUnfinished() {
	names, _ := d.fs.List(d.path)
	for _, name := range names {
		base := strings.HasPrefix(name, tempBase) && strings.HasSuffix(name, ".aof")
		increment := strings.HasPrefix(name, tempPrefix+d.name+".") && strings.HasSuffix(name, tempIncrement)
		if base || increment || name == tempPrefix+d.manifestName() {
			_ = d.fs.Remove(d.File(name))
		}
	}
}

// Discard removes a temporary file.
func (d *Dir) Discard(name string) {
	_ = d.fs.Remove(d.File(name)) // the next start tries again
}

// Rewritten is what a rewrite has made.
type Rewritten struct {
	Temp   string // name of the file with the base, whole and on the disk
	Suffix string // of the base: "rdb" or "aof"
	// TempIncrement is the name of TempIncrement's file, if that follows the base.
	TempIncrement string
	// Appending says that the last increment began with the base and goes on.
	Appending bool
	// Wanted is asked right before the files get their names: a rewrite that was
	// given up must not come after one that began later.
	Wanted func() bool
}

// ErrGivenUp is what Adopt answers to a rewrite that is not wanted any more.
var ErrGivenUp = errors.New("the rewrite was given up")

// Adopt makes a new base the AOF's: what it replaces becomes history. After an
// error the old manifest counts, and all that it names is there.
func (d *Dir) Adopt(r Rewritten) (base, increment Entry, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !r.Wanted() {
		return base, increment, ErrGivenUp
	}
	next := d.manifest.clone()
	base = next.replaceBase(d.name, r.Suffix)
	if err := d.fs.Rename(d.File(r.Temp), d.File(base.Name)); err != nil {
		return base, increment, failed(err, "Error trying to rename the temporary AOF base file %s into %s", r.Temp, base.Name)
	}
	keep := 0
	if r.Appending {
		keep = 1
	}
	if r.TempIncrement != "" {
		keep = 1
		increment = next.addIncrement(d.name)
		if err := d.fs.Rename(d.File(r.TempIncrement), d.File(increment.Name)); err != nil {
			d.Discard(base.Name)
			return base, increment, failed(err, "Error trying to rename the temporary AOF incr file %s into %s", r.TempIncrement, increment.Name)
		}
	}
	next.retireIncrements(keep)
	if err := d.replace(next); err != nil {
		if d.manifest != next {
			d.Discard(base.Name)
		}
		return base, increment, err
	}
	return base, increment, nil
}

// Collect removes the history, and returns what it removed.
func (d *Dir) Collect() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.manifest.History) == 0 {
		return nil, nil
	}
	next := d.manifest.clone()
	var removed []string
	next.History = slices.DeleteFunc(next.History, func(e Entry) bool {
		removed = append(removed, e.Name)
		err := d.fs.Remove(d.File(e.Name))
		return err == nil || errors.Is(err, os.ErrNotExist)
	})
	return removed, d.replace(next)
}

// replace puts a manifest in the place of the present one. What it names has a
// lasting name before.
func (d *Dir) replace(next *Manifest) error {
	if err := d.fs.SyncDir(d.path); err != nil {
		return failed(err, "Fail to fsync AOF directory %s", d.path)
	}
	renamed, err := d.write(next)
	if err == nil {
		d.manifest = next
		return nil
	}
	if renamed {
		// Which of the two a crash would leave is not known: back to the old one,
		// or at least to the one that is seen.
		if back, _ := d.write(d.manifest); !back {
			d.manifest = next
		}
	}
	return err
}

// write writes a manifest file. renamed says that it is the one that is seen.
func (d *Dir) write(m *Manifest) (renamed bool, err error) {
	temp := tempPrefix + d.manifestName()
	f, err := d.fs.Open(d.File(temp), os.O_WRONLY|os.O_TRUNC|os.O_CREATE)
	if err != nil {
		return false, failed(err, "Can't open the AOF manifest file %s", temp)
	}
	if _, err := f.Write(m.Format()); err != nil {
		f.Close()
		return false, failed(err, "Error trying to write the temporary AOF manifest file %s", temp)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return false, failed(err, "Fail to fsync the temp AOF file %s", temp)
	}
	if err := d.fs.Rename(d.File(temp), d.File(d.manifestName())); err != nil {
		return false, failed(err, "Error trying to rename the temporary AOF manifest file %s into %s", temp, d.manifestName())
	}
	if err := d.fs.SyncDir(d.path); err != nil {
		return true, failed(err, "Fail to fsync AOF directory %s", d.path)
	}
	return true, nil
}
