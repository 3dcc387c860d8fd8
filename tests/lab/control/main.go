// Control is the lab's tailnet: tailscale's own test control server, and the small proxy that pebble needs.
//
// It prints "ready" and serves until its standard input is closed, so that it cannot outlive who started it.
// What a person would do in the admin console is a POST to /lab/...
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

const (
	domain = "tail174e9b.ts.net"
	check  = "https://login.example.net/a/lab-check"
	ports  = tailcfg.NodeCapability("https://tailscale.com/cap/funnel-ports?ports=443,8443,10000")
)

// capabilities are what a tailnet with HTTPS and Funnel gives its nodes.
var capabilities = []tailcfg.NodeCapability{tailcfg.CapabilityHTTPS, tailcfg.NodeAttrFunnel, tailcfg.CapabilitySSH, ports}

// testingT lets integration.RunDERPAndSTUN run outside of `go test`.
type testingT struct{ *testing.T }

func (testingT) Cleanup(func())            {}
func (testingT) Helper()                   {}
func (testingT) Name() string              { return "lab" }
func (testingT) Log(...any)                {}
func (testingT) Logf(string, ...any)       {}
func (testingT) Fatal(words ...any)        { log.Fatal(words...) }
func (testingT) Fatalf(f string, a ...any) { log.Fatalf(f, a...) }

func main() {
	address := flag.String("listen", "", "the control server's address")
	proxy := flag.String("proxy", "", "the ACME proxy's address")
	pebble := flag.String("pebble", "", "pebble's address")
	certificates := flag.String("certificates", "", "folder with cert.pem and key.pem for localhost")
	flag.Parse()

	control := &testcontrol.Server{
		Logf:             logger.Discard,
		DERPMap:          integration.RunDERPAndSTUN(testingT{}, logger.Discard, "127.0.0.1"),
		ExplicitBaseURL:  "http://" + *address,
		MagicDNSDomain:   domain,
		DNSConfig:        &tailcfg.DNSConfig{Proxied: true},
		AllNodesSameUser: true,
		AllOnline:        true,
		OnSetDNS:         func(*tailcfg.SetDNSRequest) error { return nil },
		SSHPolicy:        policy(&tailcfg.SSHAction{Accept: true}),
	}
	lab := &console{control: control, given: map[key.NodePublic]bool{}, checked: make(chan struct{})}
	go lab.giveCapabilities()
	mux := http.NewServeMux()
	mux.Handle("/", control)
	mux.HandleFunc("POST /lab/ssh", lab.ssh)
	mux.HandleFunc("POST /lab/capabilities", lab.capabilities)
	lab.serveCheck()
	go func() { log.Fatal(http.ListenAndServe(*address, mux)) }()
	go func() {
		pair := [2]string{*certificates + "/cert.pem", *certificates + "/key.pem"}
		log.Fatal(http.ListenAndServeTLS(*proxy, pair[0], pair[1], acme(*pebble)))
	}()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// acme is pebble with the Location header that tailscaled follows after it has finalized an order.
func acme(pebble string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: pebble})
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	proxy.ModifyResponse = func(answer *http.Response) error {
		if order, found := strings.CutPrefix(answer.Request.URL.Path, "/finalize-order/"); found {
			answer.Header.Set("Location", "https://"+answer.Request.Host+"/my-order/"+order)
		}
		return nil
	}
	return proxy
}

func policy(action *tailcfg.SSHAction) *tailcfg.SSHPolicy {
	return &tailcfg.SSHPolicy{Rules: []*tailcfg.SSHRule{{
		Principals: []*tailcfg.SSHPrincipal{{Any: true}},
		SSHUsers:   map[string]string{"*": "="},
		Action:     action,
	}}}
}

// console is what a tailnet's owner can do.
type console struct {
	control *testcontrol.Server
	given   map[key.NodePublic]bool
	checked chan struct{}
}

func (c *console) giveCapabilities() {
	for ; ; time.Sleep(20 * time.Millisecond) {
		for _, node := range c.control.AllNodes() {
			if !c.given[node.Key] {
				c.given[node.Key] = true
				c.give(node.Key, capabilities)
			}
		}
	}
}

func (c *console) give(node key.NodePublic, names []tailcfg.NodeCapability) {
	caps := tailcfg.NodeCapMap{}
	for _, name := range names {
		caps[name] = nil
	}
	c.control.SetNodeCapMap(node, caps)
}

// capabilities: ?name=HOSTNAME&only=https&only=funnel; without only, all of them.
func (c *console) capabilities(w http.ResponseWriter, r *http.Request) {
	names := capabilities
	if only, given := r.URL.Query()["only"]; given {
		names = nil
		for _, name := range only {
			names = append(names, tailcfg.NodeCapability(name))
		}
	}
	for _, node := range c.control.AllNodes() {
		if node.Hostinfo.Hostname() == r.FormValue("name") {
			node.Capabilities = nil // what testcontrol gives every node, the older way
			c.control.UpdateNode(node)
			c.give(node.Key, names)
		}
	}
}

// ssh: ?policy=accept|refuse|none|check|visited; visited is a person who goes to the URL of the
// check, and waits for it if there is none yet.
func (c *console) ssh(w http.ResponseWriter, r *http.Request) {
	switch r.FormValue("policy") {
	case "accept":
		c.control.SetSSHPolicy(policy(&tailcfg.SSHAction{Accept: true}))
	case "refuse":
		c.control.SetSSHPolicy(policy(&tailcfg.SSHAction{Reject: true, Message: "tailnet policy does not permit you to SSH to this node\r\n"}))
	case "none":
		c.control.SetSSHPolicy(&tailcfg.SSHPolicy{})
	case "check":
		text := "# Tailscale SSH requires an additional check.\r\n# To authenticate, visit: " + check + "\r\n"
		c.control.SetSSHPolicy(policy(&tailcfg.SSHAction{Message: text, HoldAndDelegate: "https://unused/lab/check"}))
	case "visited":
		c.checked <- struct{}{}
	default:
		http.Error(w, "no such policy", http.StatusBadRequest)
	}
}

// serveCheck answers a node's question whether the person has been at the URL. It comes over the node's encrypted
// connection, whose handlers testcontrol keeps to itself.
func (c *console) serveCheck() {
	c.control.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/generate_204", nil))
	field := reflect.ValueOf(c.control).Elem().FieldByName("mux")
	inner := *(**http.ServeMux)(unsafe.Pointer(field.UnsafeAddr()))
	inner.HandleFunc("/lab/check", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-c.checked:
			time.Sleep(3 * time.Second) // it takes a person a moment
			json.NewEncoder(w).Encode(tailcfg.SSHAction{Accept: true})
		case <-r.Context().Done():
		}
	})
}
