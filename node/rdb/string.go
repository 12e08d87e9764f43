// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

func readString(in *input, it *Item) (err error) {
	it.Type = TypeString
	it.String, err = in.text(it.String[:0], "a string value")
	return err
}

func writeString(w *Writer, it *Item) { w.text(it.String) }
