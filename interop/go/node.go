package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

const relayPort = 4001

func newHost(s settings, port int, more ...libp2p.Option) (host.Host, error) {
	options := []libp2p.Option{
		libp2p.ListenAddrStrings(s.listenAddress(port)),
		libp2p.DisableMetrics(),
		// relayed connections are secured by them even where QUIC needs neither
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
	}
	if s.transport == "tcp" {
		options = append(options, libp2p.Transport(tcp.NewTCPTransport))
	} else {
		options = append(options, libp2p.Transport(quic.NewTransport))
	}
	return libp2p.New(append(options, more...)...)
}

func runRelay(ctx context.Context, s settings, m *meeting) error {
	h, err := newHost(s, relayPort,
		libp2p.EnableRelayService(),
		// nobody here could tell it so, and without it the relay does not start
		libp2p.ForceReachabilityPublic())
	if err != nil {
		return err
	}
	defer h.Close()
	if len(h.Addrs()) == 0 {
		return fmt.Errorf("the relay has no address")
	}
	if err := m.publish(ctx, "relay_multiaddr", fmt.Sprintf("%s/p2p/%s", h.Addrs()[0], h.ID())); err != nil {
		return err
	}
	select {}
}

// A host behind a NAT, connected to the relay, that knows an address of its own to punch from.
func newPeer(ctx context.Context, s settings, m *meeting) (host.Host, *peer.AddrInfo, error) {
	h, err := newHost(s, 0,
		libp2p.EnableRelay(),
		libp2p.EnableHolePunching(),
		libp2p.ForceReachabilityPrivate())
	if err != nil {
		return nil, nil, err
	}
	text, err := m.waitFor(ctx, "relay_multiaddr")
	if err != nil {
		return nil, nil, err
	}
	relayInfo, err := peer.AddrInfoFromString(text)
	if err != nil {
		return nil, nil, err
	}
	if err := h.Connect(ctx, *relayInfo); err != nil {
		return nil, nil, err
	}
	logf("connected to the relay at %s", text)
	return h, relayInfo, waitForHolePunching(ctx, h)
}

// go-libp2p looks for an observed address at growing intervals, and answers DCUtR only once it has seen one.
func waitForHolePunching(ctx context.Context, h host.Host) error {
	ctx, cancel := context.WithTimeout(ctx, meetingDeadline)
	defer cancel()
	for !slices.Contains(h.Mux().Protocols(), holepunch.Protocol) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no public address was observed: %w", ctx.Err())
		case <-time.After(pollInterval):
		}
	}
	return nil
}

func circuitAddress(relay *peer.AddrInfo) ma.Multiaddr {
	return relay.Addrs[0].Encapsulate(ma.StringCast("/p2p/" + relay.ID.String() + "/p2p-circuit"))
}
