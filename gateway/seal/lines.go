package seal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
)

// A line file holds one JSON value a line, each behind the CRC-32C of its
// octets in eight hexadecimal digits and a space. It is only appended to. A
// crash can leave the last line torn: it is not there. A damaged line
// elsewhere is skipped and counted, because the lines after it still matter.

// maxLine is the longest line; what is longer is damage.
const maxLine = 128 << 10

const sumDigits = 8

func lineSum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// appendLine appends the line of v to to.
func appendLine(to []byte, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return to, fmt.Errorf("encoding a line: %w", err)
	}
	if len(body)+sumDigits+2 > maxLine {
		return to, errors.New("encoding a line: too long")
	}
	to = fmt.Appendf(to, "%08x ", lineSum(body))
	return append(append(to, body...), '\n'), nil
}

// parseLine reads a line, without its line feed, into v.
func parseLine(line []byte, v any) bool {
	if len(line) <= sumDigits || line[sumDigits] != ' ' {
		return false
	}
	body := line[sumDigits+1:]
	sum, err := strconv.ParseUint(string(line[:sumDigits]), 16, 32)
	return err == nil && uint32(sum) == lineSum(body) && json.Unmarshal(body, v) == nil
}

// readLines calls visit for each whole line of r, without its line feed, and
// returns the length of all whole lines together and how many were too long.
func readLines(r io.Reader, visit func(line []byte) error) (whole int64, tooLong int, err error) {
	in := bufio.NewReaderSize(r, maxLine)
	skipping, skipped := false, int64(0)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			skipping = true
			skipped += int64(len(line))
		case errors.Is(err, io.EOF):
			return whole, tooLong, nil
		case err != nil:
			return whole, tooLong, fmt.Errorf("reading lines: %w", err)
		case skipping:
			whole += skipped + int64(len(line))
			tooLong++
			skipping, skipped = false, 0
		default:
			whole += int64(len(line))
			if err := visit(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
				return whole, tooLong, err
			}
		}
	}
}

// openLines opens a line file for appending, makes it when needed, and cuts a
// torn last line off.
func openLines(d disk, path string) (*os.File, int64, error) {
	f, err := d.open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, 0, fmt.Errorf("opening a line file: %w", err)
	}
	whole, _, err := readLines(f, func([]byte) error { return nil })
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err == nil {
		err = d.sync(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("opening a line file: %w", err)
	}
	return f, whole, nil
}
