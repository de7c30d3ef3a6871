// Command go-dskit is the Go peer over the transport of Grafana's dskit (Mimir, Loki, Tempo), with their fork of memberlist.
package main

import (
	"os"
	"time"

	"github.com/go-kit/log"
	dskit "github.com/grafana/dskit/kv/memberlist"
	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"

	peer "memberlist-interop/go-peer"
)

func main() { peer.Run(open) }

func open(c *memberlist.Config) (peer.Transport, error) {
	return dskit.NewTCPTransport(dskit.TCPTransportConfig{
		BindAddrs:            []string{c.BindAddr},
		BindPort:             c.BindPort,
		PacketDialTimeout:    2 * time.Second,
		PacketWriteTimeout:   5 * time.Second,
		MaxConcurrentWrites:  3,
		AcquireWriterTimeout: 250 * time.Millisecond,
	}, log.NewLogfmtLogger(os.Stderr), prometheus.NewRegistry())
}
