package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/memberlist"
)

// peerConfig holds the fields of a memberlist config by their camelCase names, durations in ms, and what the peer's
// delegates should do. A nil field keeps the preset's value.
type peerConfig struct {
	Preset string `json:"preset"`
	Name   string `json:"name"`

	Label                   *string           `json:"label"`
	SkipInboundLabelCheck   *bool             `json:"skipInboundLabelCheck"`
	BindAddr                *string           `json:"bindAddr"`
	BindPort                int               `json:"bindPort"`
	AdvertiseAddr           *string           `json:"advertiseAddr"`
	AdvertisePort           int               `json:"advertisePort"`
	ProtocolVersion         *uint8            `json:"protocolVersion"`
	TCPTimeout              *float64          `json:"tcpTimeout"`
	IndirectChecks          *int              `json:"indirectChecks"`
	RetransmitMult          *int              `json:"retransmitMult"`
	SuspicionMult           *int              `json:"suspicionMult"`
	SuspicionMaxTimeoutMult *int              `json:"suspicionMaxTimeoutMult"`
	PushPullInterval        *float64          `json:"pushPullInterval"`
	ProbeInterval           *float64          `json:"probeInterval"`
	ProbeTimeout            *float64          `json:"probeTimeout"`
	DisableTCPPings         *bool             `json:"disableTcpPings"`
	DisableTCPPingsForNode  []string          `json:"disableTcpPingsForNode"`
	AwarenessMaxMultiplier  *int              `json:"awarenessMaxMultiplier"`
	GossipInterval          *float64          `json:"gossipInterval"`
	GossipNodes             *int              `json:"gossipNodes"`
	GossipToTheDeadTime     *float64          `json:"gossipToTheDeadTime"`
	GossipVerifyIncoming    *bool             `json:"gossipVerifyIncoming"`
	GossipVerifyOutgoing    *bool             `json:"gossipVerifyOutgoing"`
	EnableCompression       *bool             `json:"enableCompression"`
	SecretKey               []byte            `json:"secretKey"`
	Keyring                 *keyringConfig    `json:"keyring"`
	DelegateProtocolVersion *uint8            `json:"delegateProtocolVersion"`
	DelegateProtocolMin     *uint8            `json:"delegateProtocolMin"`
	DelegateProtocolMax     *uint8            `json:"delegateProtocolMax"`
	DNSConfigPath           *string           `json:"dnsConfigPath"`
	HandoffQueueDepth       *int              `json:"handoffQueueDepth"`
	UDPBufferSize           *int              `json:"udpBufferSize"`
	DeadNodeReclaimTime     *float64          `json:"deadNodeReclaimTime"`
	RequireNodeNames        *bool             `json:"requireNodeNames"`
	CIDRsAllowed            []string          `json:"cidrsAllowed"`
	MetricLabels            map[string]string `json:"metricLabels"`
	QueueCheckInterval      *float64          `json:"queueCheckInterval"`

	// AdvertiseMapped gives an IPv4 address to memberlist in 16 bytes, as some transports do.
	AdvertiseMapped bool `json:"advertiseMapped"`

	Meta        []byte   `json:"meta"`
	UserState   []byte   `json:"userState"`
	AckPayload  []byte   `json:"ackPayload"`
	Rebroadcast bool     `json:"rebroadcast"`
	RefuseMerge string   `json:"refuseMerge"`
	RefuseAlive []string `json:"refuseAlive"`
}

type keyringConfig struct {
	Keys    [][]byte `json:"keys"`
	Primary []byte   `json:"primary"`
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setMillis(to *time.Duration, from *float64) {
	if from != nil {
		*to = time.Duration(*from * float64(time.Millisecond))
	}
}

func parseConfig(raw json.RawMessage) (*peerConfig, error) {
	var pc peerConfig
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&pc); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if pc.Name == "" {
		return nil, errors.New("config: name is missing")
	}
	return &pc, nil
}

func (pc *peerConfig) build(p *peer) (*memberlist.Config, error) {
	var c *memberlist.Config
	switch pc.Preset {
	case "lan":
		c = memberlist.DefaultLANConfig()
	case "wan":
		c = memberlist.DefaultWANConfig()
	case "local", "":
		c = memberlist.DefaultLocalConfig()
	default:
		return nil, fmt.Errorf("config: unknown preset %q", pc.Preset)
	}
	c.Name = pc.Name
	c.BindAddr = "127.0.0.1"
	set(&c.Label, pc.Label)
	set(&c.SkipInboundLabelCheck, pc.SkipInboundLabelCheck)
	set(&c.BindAddr, pc.BindAddr)
	c.BindPort = pc.BindPort
	set(&c.AdvertiseAddr, pc.AdvertiseAddr)
	set(&c.ProtocolVersion, pc.ProtocolVersion)
	setMillis(&c.TCPTimeout, pc.TCPTimeout)
	set(&c.IndirectChecks, pc.IndirectChecks)
	set(&c.RetransmitMult, pc.RetransmitMult)
	set(&c.SuspicionMult, pc.SuspicionMult)
	set(&c.SuspicionMaxTimeoutMult, pc.SuspicionMaxTimeoutMult)
	setMillis(&c.PushPullInterval, pc.PushPullInterval)
	setMillis(&c.ProbeInterval, pc.ProbeInterval)
	setMillis(&c.ProbeTimeout, pc.ProbeTimeout)
	set(&c.DisableTcpPings, pc.DisableTCPPings)
	set(&c.AwarenessMaxMultiplier, pc.AwarenessMaxMultiplier)
	setMillis(&c.GossipInterval, pc.GossipInterval)
	set(&c.GossipNodes, pc.GossipNodes)
	setMillis(&c.GossipToTheDeadTime, pc.GossipToTheDeadTime)
	set(&c.GossipVerifyIncoming, pc.GossipVerifyIncoming)
	set(&c.GossipVerifyOutgoing, pc.GossipVerifyOutgoing)
	set(&c.EnableCompression, pc.EnableCompression)
	set(&c.DelegateProtocolVersion, pc.DelegateProtocolVersion)
	set(&c.DelegateProtocolMin, pc.DelegateProtocolMin)
	set(&c.DelegateProtocolMax, pc.DelegateProtocolMax)
	set(&c.DNSConfigPath, pc.DNSConfigPath)
	set(&c.HandoffQueueDepth, pc.HandoffQueueDepth)
	set(&c.UDPBufferSize, pc.UDPBufferSize)
	setMillis(&c.DeadNodeReclaimTime, pc.DeadNodeReclaimTime)
	set(&c.RequireNodeNames, pc.RequireNodeNames)
	setMillis(&c.QueueCheckInterval, pc.QueueCheckInterval)
	c.SecretKey = pc.SecretKey
	if len(pc.DisableTCPPingsForNode) > 0 {
		names := toSet(pc.DisableTCPPingsForNode)
		c.DisableTcpPingsForNode = func(name string) bool { return names[name] }
	}
	if pc.CIDRsAllowed != nil {
		cidrs, err := memberlist.ParseCIDRs(pc.CIDRsAllowed)
		if err != nil {
			return nil, fmt.Errorf("config: cidrsAllowed: %w", err)
		}
		c.CIDRsAllowed = cidrs
	}
	if pc.Keyring != nil {
		keyring, err := memberlist.NewKeyring(pc.Keyring.Keys, pc.Keyring.Primary)
		if err != nil {
			return nil, fmt.Errorf("config: keyring: %w", err)
		}
		c.Keyring = keyring
	}
	for name, value := range pc.MetricLabels {
		c.MetricLabels = append(c.MetricLabels, metrics.Label{Name: name, Value: value})
	}

	c.Logger = log.New(&logWriter{p}, "", 0)
	c.Delegate = p
	c.Events = p
	c.Conflict = p
	c.Merge = p
	c.Ping = p
	if len(pc.RefuseAlive) > 0 {
		c.Alive = p
	}
	return c, nil
}

// Transport is a transport that reports its port.
type Transport interface {
	memberlist.Transport
	GetAutoBindPort() int
}

// OpenTransport opens the sockets at BindAddr and BindPort of c.
type OpenTransport func(c *memberlist.Config) (Transport, error)

// OpenNet opens memberlist's own transport, over UDP and TCP.
func OpenNet(c *memberlist.Config) (Transport, error) {
	return memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs:    []string{c.BindAddr},
		BindPort:     c.BindPort,
		Logger:       c.Logger,
		MetricLabels: c.MetricLabels,
	})
}

// bind opens the sockets. memberlist would do it by itself, but then it would not let a port chosen by the kernel go
// with an advertised port of another's (a proxy's).
func (pc *peerConfig) bind(c *memberlist.Config, open OpenTransport) (Transport, error) {
	tries := 1
	if c.BindPort == 0 {
		tries = 10
	}
	var transport Transport
	var err error
	for range tries {
		transport, err = open(c)
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	c.Transport = transport
	if pc.AdvertiseMapped {
		c.Transport = mappedTransport{transport}
	}
	c.BindPort = transport.GetAutoBindPort()
	c.AdvertisePort = c.BindPort
	if pc.AdvertisePort > 0 {
		c.AdvertisePort = pc.AdvertisePort
		if c.AdvertiseAddr == "" {
			// The transport looks at the port only together with an address.
			c.AdvertiseAddr = net.ParseIP(c.BindAddr).String()
		}
	}
	return transport, nil
}

// mappedTransport advertises an IPv4 address in the 16 bytes of net.IP, which memberlist puts on the wire as they are.
type mappedTransport struct {
	Transport
}

func (t mappedTransport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	addr, at, err := t.Transport.FinalAdvertiseAddr(ip, port)
	return addr.To16(), at, err
}

func toSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
