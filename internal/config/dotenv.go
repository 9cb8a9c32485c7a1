package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"
)

// dotenvFile is the contents of a .env file.
type dotenvFile struct {
	values  map[string]string
	literal map[string]string // the values with standIn for each $
}

// standIn replaces each $ in the file, so that the parser has nothing to expand. No valid token
// contains it.
const standIn = "\x00"

// readDotenv reads the file at path. A missing file is empty. An error is one line that starts
// with the file's name and quotes nothing of its contents.
func readDotenv(path string) (dotenvFile, error) {
	text, err := os.ReadFile(path)
	var values map[string]string
	if err == nil {
		// godotenv.Load would change the environment of the process.
		values, err = godotenv.UnmarshalBytes(text)
	}
	name := filepath.Base(path)
	pathErr, isPath := errors.AsType[*fs.PathError](err)
	_, noKey := values[""]
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dotenvFile{}, nil
	case isPath:
		return dotenvFile{}, fmt.Errorf("%s: %w", name, pathErr.Err)
	case err != nil:
		// The parser's message quotes the file, including its secrets.
		return dotenvFile{}, fmt.Errorf("%s: is not a list of KEY=value lines", name)
	case noKey:
		// The parser returns an empty key for "=x" and for a last line without "=".
		return dotenvFile{}, fmt.Errorf("%s: has a line without a key or without =", name)
	}
	// A file with problems is not used at all: after a lost quote, a value that a message quotes
	// could contain a secret of the next line.
	//
	// Only the parser can tell a $ in a value from one in a comment. It accepts this text too,
	// because no part of its syntax is a $.
	literal, _ := godotenv.Unmarshal(strings.ReplaceAll(string(text), "$", standIn))
	return dotenvFile{values, literal}, nil
}

// expands reports whether the parser replaced a $ in the value of key. A reference to an unknown
// variable becomes the empty string, so that a token would lose a part of itself, or all of
// itself and with it the protection of the details.
func (f dotenvFile) expands(key string) bool {
	return strings.ReplaceAll(f.literal[key], standIn, "$") != f.values[key]
}
