// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Probe is the program in the pods with which check.sh tries a cluster out:
//
//	probe serve          answers HTTP on port 8080 with the name of its node ($NODE)
//	probe get URL        prints the answer of another pod
//	probe api            asks the API server as a pod does: token and CA from the mounted folder
//	probe write FILE …   writes the words to the file
//	probe read FILE      prints the file
//	probe lookup NAME IP prints the address that the name server at that address gives
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(os.Getenv("NODE"))
	case len(args) == 1 && args[0] == "api":
		return askAPI("/var/run/secrets/kubernetes.io/serviceaccount")
	case len(args) == 2 && args[0] == "get":
		request, err := http.NewRequest(http.MethodGet, args[1], nil)
		if err != nil {
			return err
		}
		return printAnswer(http.DefaultTransport, request)
	case len(args) == 2 && args[0] == "read":
		content, err := os.ReadFile(args[1])
		fmt.Printf("%s\n", content)
		return err
	case len(args) == 3 && args[0] == "lookup":
		return lookup(args[1], args[2])
	case len(args) > 2 && args[0] == "write":
		return os.WriteFile(args[1], []byte(strings.Join(args[2:], " ")), 0o600)
	}
	return errors.New("usage: probe serve | get URL | api | write FILE WORD... | read FILE | lookup NAME IP")
}

func serve(node string) error {
	log.Printf("serving on %s", node)
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // every request may reach another pod
		fmt.Fprintln(w, node)
	}))
}

// askAPI sends a request that only a valid token is allowed, over TLS that only
// the cluster's CA vouches for.
func askAPI(folder string) error {
	ca, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(folder, "token"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	request, err := http.NewRequest(http.MethodGet, "https://kubernetes.default.svc/openapi/v3", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	return printAnswer(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, request)
}

func lookup(name, server string) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, net.JoinHostPort(server, "53"))
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addresses, err := resolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(addresses, " "))
	return nil
}

func printAnswer(transport http.RoundTripper, request *http.Request) error {
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	_, err = io.Copy(os.Stdout, io.LimitReader(response.Body, 4096))
	return err
}
