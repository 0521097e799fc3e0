// Command verify checks a Cultivar ledger with Go's own transparency log code (golang.org/x/mod/sumdb), as a licensor might
// who does not want to trust Cultivar's verifier.
//
//	verify [-n 200] [-vkey FILE] [-tamper] <ledger folder> [<file.tlog-proof> ...]
//
// It opens the signed tree head, proves n entries spread over the log (0: all) and the consistency with the log at half its
// size, each from tiles alone, and checks each .tlog-proof that carries its entry. With -tamper it also changes one letter of
// an entry, of the tree head and of a tile while reading, and wants each refused. The last line is JSON.
package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A ledger reads files by their path in its folder. It is a tlog.TileReader; x/mod calls tile/8/<L>/<N> what C2SP calls
// tile/<L>/<N>.
type ledger func(path string) ([]byte, error)

func (read ledger) Height() int { return 8 }

func (read ledger) SaveTiles([]tlog.Tile, [][]byte) {}

func (read ledger) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		content, err := read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, content)
	}
	return data, nil
}

// openHead returns the tree head of a signed note.
func openHead(signed []byte, key note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != key.Name() {
		return tlog.Tree{}, errors.New("the tree head is of another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// bundlePath returns where an entry lies.
func bundlePath(index, size int64) string {
	width := size - index/256*256
	if width > 256 {
		width = 256
	}
	tile := tlog.Tile{H: 8, L: 0, N: index / 256, W: int(width)}
	return strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
}

func (read ledger) entry(index, size int64) ([]byte, error) {
	bundle, err := read(bundlePath(index, size))
	for skip := index % 256; err == nil; skip-- {
		if len(bundle) < 2 || len(bundle) < 2+int(bundle[0])<<8+int(bundle[1]) {
			return nil, fmt.Errorf("entry %d: its bundle is damaged", index)
		}
		end := 2 + int(bundle[0])<<8 + int(bundle[1])
		if skip == 0 {
			return bundle[2:end], nil
		}
		bundle = bundle[end:]
	}
	return nil, err
}

// verify returns the tree head and how many proofs held.
func (read ledger) verify(key note.Verifier, n int64) (head tlog.Tree, checks int, err error) {
	signed, err := read("checkpoint")
	if err != nil {
		return head, 0, err
	}
	if head, err = openHead(signed, key); err != nil || head.N == 0 {
		return head, 1, err
	}
	if n <= 0 || n > head.N {
		n = head.N
	}
	hashes := tlog.TileHashReader(head, read)
	for i := int64(0); i < n; i++ {
		index := i * head.N / n
		entry, err := read.entry(index, head.N)
		if err != nil {
			return head, checks, err
		}
		proof, err := tlog.ProveRecord(head.N, index, hashes)
		if err != nil {
			return head, checks, err
		}
		if err := tlog.CheckRecord(proof, head.N, head.Hash, index, tlog.RecordHash(entry)); err != nil {
			return head, checks, fmt.Errorf("entry %d: %w", index, err)
		}
		checks++
	}
	old := (head.N + 1) / 2
	oldRoot, err := tlog.TreeHash(old, hashes)
	if err != nil {
		return head, checks, err
	}
	proof, err := tlog.ProveTree(head.N, old, hashes)
	if err != nil {
		return head, checks, err
	}
	return head, checks + 2, tlog.CheckTree(proof, head.N, head.Hash, old, oldRoot)
}

// checkProof checks a .tlog-proof that carries its entry in the extra line.
func checkProof(file string, key note.Verifier) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	proof, signed, _ := strings.Cut(string(text), "\n\n")
	lines := strings.Split(proof, "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") {
		return errors.New("no tlog-proof with its entry")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	head, err := openHead([]byte(signed), key)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, head.N, head.Hash, index, tlog.RecordHash(entry))
}

// changed reads a ledger as if one letter of one file were another.
func (read ledger) changed(file string, at int) ledger {
	return func(path string) ([]byte, error) {
		content, err := read(path)
		if err == nil && path == file {
			letter := byte('a')
			if content[at] == letter {
				letter = 'b'
			}
			content[at] = letter
		}
		return content, err
	}
}

type summary struct {
	Client   string            `json:"client"`
	Version  string            `json:"version"`
	Passed   bool              `json:"passed"`
	Checks   int               `json:"checks"`
	Size     int64             `json:"size"`
	Root     string            `json:"root"`
	Tampered map[string]string `json:"tampered,omitempty"`
	Reason   string            `json:"reason,omitempty"`
}

func run(n int64, vkey string, tamper bool, folder string, proofs []string) (s summary, err error) {
	s = summary{Client: "golang.org/x/mod/sumdb", Version: runtime.Version()}
	if vkey == "" {
		vkey = filepath.Join(folder, "log.vkey")
	}
	text, err := os.ReadFile(vkey)
	if err != nil {
		return s, err
	}
	key, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return s, err
	}
	read := ledger(func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(folder, path)) })
	head, checks, err := read.verify(key, n)
	if err != nil {
		return s, err
	}
	s.Checks, s.Size, s.Root = checks, head.N, "sha256:"+fmt.Sprintf("%x", head.Hash[:])
	for _, file := range proofs {
		if err := checkProof(file, key); err != nil {
			return s, fmt.Errorf("%s: %w", file, err)
		}
		s.Checks++
	}
	if tamper {
		if head.N == 0 {
			return s, errors.New("a log without entries has no letter to change")
		}
		s.Tampered = map[string]string{}
		tile := strings.Replace(bundlePath(0, head.N), "entries", "0", 1)
		sibling := 32 // The second hash in the tile, which the proof of the first entry needs.
		if head.N == 1 {
			sibling = 0
		}
		for file, at := range map[string]int{bundlePath(0, head.N): 4, tile: sibling, "checkpoint": 0} {
			if _, _, err := read.changed(file, at).verify(key, n); err != nil {
				s.Tampered[file] = err.Error()
				s.Checks++
				continue
			}
			return s, fmt.Errorf("a change in %s was not refused", file)
		}
	}
	s.Passed = true
	return s, nil
}

func main() {
	n := flag.Int64("n", 200, "entries to prove, spread over the log; 0 for all")
	vkey := flag.String("vkey", "", "verifier key that came another way than the ledger")
	tamper := flag.Bool("tamper", false, "also change one letter here and there and want it refused")
	flag.Parse()
	if flag.NArg() < 1 {
		flag.Usage()
		os.Exit(2)
	}
	s, err := run(*n, *vkey, *tamper, flag.Arg(0), flag.Args()[1:])
	if err != nil {
		s.Reason = err.Error()
	}
	line, _ := json.Marshal(s)
	fmt.Println(string(line))
	if err != nil {
		os.Exit(1)
	}
}
