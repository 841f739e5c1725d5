// Command compat works on one bucket per SDK, through the AWS SDK for Go 2 with its transfer
// manager and through minio-go, each with its default checksums, and prints OK.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

const (
	partBytes = 5 << 20
	oddKey    = "dir with space/ü+%/ä&=?#€/."
)

func main() {
	ctx := context.Background()
	endpoint, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	must(err)
	runAws(ctx, endpoint.String(), os.Args[1]+"-aws")
	runMinio(ctx, endpoint, os.Args[1]+"-minio")
	fmt.Println("OK")
}

func pattern(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i % 251)
	}
	return data
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		os.Exit(1)
	}
}

func check(holds bool, what string, found ...any) {
	if !holds {
		must(fmt.Errorf("%s: %v", what, found))
	}
}

func same(found, wanted []byte, what string) {
	check(bytes.Equal(found, wanted), what, len(found), "bytes instead of", len(wanted))
}

// unsized hides the length and the Seek method of a reader, so that the SDK has to stream it.
type unsized struct{ inner io.Reader }

func (u unsized) Read(p []byte) (int, error) { return u.inner.Read(p) }

func throughURL(method, target, body string) string {
	request, err := http.NewRequest(method, target, strings.NewReader(body))
	must(err)
	answer, err := http.DefaultClient.Do(request)
	must(err)
	defer answer.Body.Close()
	found, err := io.ReadAll(answer.Body)
	must(err)
	if answer.StatusCode != http.StatusOK {
		must(errors.New(method + " by URL: " + answer.Status + " " + string(found)))
	}
	return string(found)
}
