// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"path/filepath"

	"github.com/espalier-io/espalier/node/aof"
	"github.com/espalier-io/espalier/node/config"
)

// watchAppendOnly makes CONFIG SET take effect.
func (e *Engine) watchAppendOnly() {
	a := &e.aof
	e.cfg.OnChange("appendonly", func(c *config.Config) error {
		switch {
		case !c.AppendOnly.Enabled && a.mode != appendOff:
			a.stop()
		case c.AppendOnly.Enabled && a.mode == appendOff:
			if err := a.start(); err != nil {
				e.log.Warningf("%v", err)
				e.log.Warningf("Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. " +
					"Check the above logs for more info about the error.")
				return errors.New("Unable to turn on AOF. Check server logs.") //nolint:staticcheck // Redis's text
			}
		}
		return nil
	})
	e.cfg.OnChange("appendfsync", func(c *config.Config) error {
		if a.log != nil {
			a.log.SetPolicy(fsyncPolicies[c.AppendOnly.Fsync])
			a.setGate()
		}
		return nil
	})
	e.cfg.OnChange("aof-disable-auto-gc", func(c *config.Config) error {
		dir, err := a.directory()
		if err == nil && !c.AppendOnly.DisableAutoGC {
			a.collect(dir)
		}
		return err
	})
}

// directory is that of the files, with its manifest read.
func (a *appendOnly) directory() (*aof.Dir, error) {
	if a.dir != nil {
		return a.dir, nil
	}
	dir := a.newDir()
	if err := dir.Load(); err != nil {
		return nil, err
	}
	a.dir = dir
	return dir, nil
}

func (a *appendOnly) newDir() *aof.Dir {
	v := a.e.cfg.Current()
	return aof.NewDir(a.e.disk, filepath.Join(v.Dir, v.AppendOnly.Dirname), v.AppendOnly.Filename)
}

// start turns the file on: a rewrite makes the base, and what is executed
// meanwhile waits in a temporary increment.
func (a *appendOnly) start() error {
	e := a.e
	dir := a.newDir() // dir may have been changed
	if err := dir.Load(); err != nil {
		return err
	}
	a.dir, a.mode, a.broken = dir, appendWaiting, ""
	switch {
	case e.snapshot != nil && e.snapshot.req.purpose != forAppendOnly:
		a.scheduled = true
		e.log.Warningf("AOF was enabled but there is already another background operation. " +
			"An AOF background was scheduled to start when possible.")
		return nil
	case e.inTx:
		a.scheduled = true
		e.log.Warningf("AOF was enabled during a transaction. An AOF background was scheduled to start when possible.")
		return nil
	case e.managed.barsSaving():
		a.scheduled = true
		return nil
	case a.rewrite != nil:
		e.log.Warningf("AOF was enabled but there is already an AOF rewriting in background. " +
			"Stopping background AOF and starting a rewrite now.")
		a.giveUpRewrite()
	}
	if err := a.startRewrite(); err != nil {
		a.mode = appendOff
		a.history.failed = true
		return err
	}
	return nil
}

// stop turns the file off. It waits for the disk with the lock held: whoever
// turns it off may rely on what is in it.
func (a *appendOnly) stop() {
	if a.mode == appendOn && a.log != nil {
		a.annotate()
		a.endBatch()
		if err := a.log.Close(); err != nil {
			a.e.log.Warningf("Fail to fsync the AOF file: %s", aof.Reason(err))
		}
	} else if a.log != nil {
		a.log.Abandon()
	}
	a.setLog(nil)
	a.mode, a.scheduled, a.broken = appendOff, false, ""
	a.giveUpRewrite()
}

// restart keeps the file for a data set that has taken the place of the one
// before (a full sync). What is on the disk stays what it is, the old data set
// with its position, until the new one is there whole.
func (a *appendOnly) restart() {
	if a.mode == appendOff {
		return
	}
	a.giveUpRewrite()
	if l := a.log; l != nil {
		waiting := a.mode == appendWaiting
		a.endBatch()
		a.setLog(nil)
		if waiting {
			l.Abandon()
		} else {
			a.e.done.Go(func() { _ = l.Close() }) // it is about to be replaced
		}
	}
	a.mode = appendWaiting
	if err := a.startRewrite(); err != nil {
		a.e.log.Warningf("Failed enabling the AOF after successful master synchronization! Trying it again when possible: %v", err)
		a.broken = aof.Reason(err)
		a.scheduled = true
	}
}

// finish brings the file to the disk before the process ends, under the lock.
// false says that the process should not end: all that is kept would be lost.
func (a *appendOnly) finish(force bool) bool {
	e := a.e
	if a.rewrite != nil {
		if a.mode == appendWaiting {
			if !force {
				e.log.Warningf("Writing initial AOF, can't exit.")
				return false
			}
			e.log.Warningf("Writing initial AOF. Exit anyway.")
		}
		e.log.Warningf("There is a child rewriting the AOF. Killing it!")
		a.giveUpRewrite()
	}
	if a.log != nil {
		e.log.Noticef("Calling fsync() on the AOF file.")
		a.annotate()
		a.endBatch()
		if err := a.log.Sync(); err != nil {
			e.log.Warningf("Fail to fsync the AOF file: %s.", aof.Reason(err))
		}
	}
	return true
}

// eachSecond says where the stream has come to without a change of the data set
// (PING), so that it can be resumed from there.
func (a *appendOnly) eachSecond() {
	if a.log != nil && a.mode == appendOn {
		a.annotate()
	}
}
