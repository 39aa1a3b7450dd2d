package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

func runListener(ctx context.Context, s settings, m *meeting) error {
	h, relay, err := newPeer(ctx, s, m)
	if err != nil {
		return err
	}
	defer h.Close()
	h.Network().Notify(&network.NotifyBundle{ConnectedF: logConnection, DisconnectedF: logClosed})
	if _, err := client.Reserve(ctx, h, *relay); err != nil {
		return err
	}
	if err := m.publish(ctx, "listener_peer_id", h.ID().String()); err != nil {
		return err
	}
	select {}
}

func runDialer(ctx context.Context, s settings, m *meeting) error {
	h, relay, err := newPeer(ctx, s, m)
	if err != nil {
		return err
	}
	defer h.Close()
	text, err := m.waitFor(ctx, "listener_peer_id")
	if err != nil {
		return err
	}
	listener, err := peer.Decode(text)
	if err != nil {
		return err
	}

	relayed, direct := watch(h, listener)
	dialed := time.Now()
	ctx = network.WithAllowLimitedConn(ctx, "hole-punch")
	failed := make(chan error, 1)
	go func() {
		// returns after identify, later than the connection itself
		circuit := peer.AddrInfo{ID: listener, Addrs: []ma.Multiaddr{circuitAddress(relay)}}
		if err := h.Connect(ctx, circuit); err != nil {
			failed <- err
		}
	}()
	var start time.Time
	select {
	case start = <-relayed:
	case err := <-failed:
		return fmt.Errorf("over the relay: %w", err)
	}
	select {
	case conn := <-direct:
		if err := echo(ctx, conn); err != nil {
			return fmt.Errorf("ping over the direct connection: %w", err)
		}
	case <-ctx.Done():
		return fmt.Errorf("relayed only: %w", ctx.Err())
	}
	end := time.Now()
	fmt.Printf("# go-libp2p dialer\nhandshakeTime: %.2f\nfromDial: %.2f\nunit: ms\n", millis(end.Sub(start)), millis(end.Sub(dialed)))
	return nil
}

// The moment at which the first relayed connection to a peer is there, and the first direct one.
func watch(h host.Host, listener peer.ID) (<-chan time.Time, <-chan network.Conn) {
	relayed := make(chan time.Time, 1)
	direct := make(chan network.Conn, 1)
	h.Network().Notify(&network.NotifyBundle{ConnectedF: func(n network.Network, conn network.Conn) {
		logConnection(n, conn)
		if conn.RemotePeer() != listener {
			return
		}
		if isRelayed(conn) {
			select {
			case relayed <- time.Now():
			default:
			}
			return
		}
		select {
		case direct <- conn:
		default:
		}
	}, DisconnectedF: logClosed})
	return relayed, direct
}

// One ping on a connection of our choice; the host would choose the connection itself, and identify first.
func echo(ctx context.Context, conn network.Conn) error {
	stream, err := conn.NewStream(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	deadline, _ := ctx.Deadline()
	stream.SetDeadline(deadline)
	lazy := multistream.NewMSSelect(stream, ping.ID)
	sent := make([]byte, ping.PingSize)
	rand.Read(sent)
	if _, err := lazy.Write(sent); err != nil {
		return err
	}
	received := make([]byte, len(sent))
	if _, err := io.ReadFull(lazy, received); err != nil {
		return err
	}
	if !bytes.Equal(sent, received) {
		return fmt.Errorf("the answer has other bytes")
	}
	return nil
}

// Not Stat().Limited: a relay may grant connections without limits.
func isRelayed(conn network.Conn) bool {
	_, err := conn.RemoteMultiaddr().ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func logConnection(_ network.Network, conn network.Conn) {
	logf("%s connection with %s at %s", conn.Stat().Direction, conn.RemotePeer(), conn.RemoteMultiaddr())
}

func logClosed(_ network.Network, conn network.Conn) {
	logf("closed: %s connection with %s at %s", conn.Stat().Direction, conn.RemotePeer(), conn.RemoteMultiaddr())
}
