// Command go-alertmanager is the Go peer over the transport that Alertmanager uses for gossip over mutual TLS. The environment says
// where the certificates are: TLS_CA, TLS_CERT and TLS_KEY are paths of PEM files. TLS_SERVER_NAME is the name in all certificates.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"
	"github.com/prometheus/exporter-toolkit/web"

	peer "memberlist-interop/go-peer"
)

func main() { peer.Run(open) }

func open(c *memberlist.Config) (peer.Transport, error) {
	ca, cert, key := os.Getenv("TLS_CA"), os.Getenv("TLS_CERT"), os.Getenv("TLS_KEY")
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return cluster.NewTLSTransport(context.Background(), logger, prometheus.NewRegistry(), c.BindAddr, c.BindPort, &cluster.TLSTransportConfig{
		TLSServerConfig: &web.TLSConfig{TLSCertPath: cert, TLSKeyPath: key, ClientAuth: "RequireAndVerifyClientCert", ClientCAs: ca},
		TLSClientConfig: &config.TLSConfig{CAFile: ca, CertFile: cert, KeyFile: key, ServerName: os.Getenv("TLS_SERVER_NAME")},
	})
}
