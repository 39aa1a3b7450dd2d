package main

import (
	"fmt"
	"os"
)

type settings struct {
	role      string // relay, listener or dialer
	transport string // tcp or quic-v1
	ip        string // to listen on
	redis     string // host:port
	key       string // prefix of all keys of this test
}

func readSettings() (settings, error) {
	s := settings{
		transport: os.Getenv("TRANSPORT"),
		redis:     os.Getenv("REDIS_ADDR"),
		key:       os.Getenv("TEST_KEY"),
	}
	if s.redis == "" || s.key == "" {
		return s, fmt.Errorf("REDIS_ADDR and TEST_KEY must be set")
	}
	switch {
	case os.Getenv("IS_RELAY") == "true":
		s.role, s.ip = "relay", firstOf("RELAY_IP")
	case os.Getenv("IS_DIALER") == "true":
		s.role, s.ip = "dialer", firstOf("PEER_IP", "DIALER_IP")
	default:
		s.role, s.ip = "listener", firstOf("PEER_IP", "LISTENER_IP")
	}
	switch s.transport {
	case "quic-v1":
	case "tcp":
		if secure, muxer := os.Getenv("SECURE_CHANNEL"), os.Getenv("MUXER"); secure != "noise" || muxer != "yamux" {
			return s, fmt.Errorf("this peer has noise and yamux over TCP, not SECURE_CHANNEL=%q MUXER=%q", secure, muxer)
		}
	default:
		return s, fmt.Errorf("TRANSPORT=%q is neither tcp nor quic-v1", s.transport)
	}
	return s, nil
}

// The contract's page says PEER_IP, its runner sets DIALER_IP and LISTENER_IP.
func firstOf(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return "0.0.0.0"
}

func (s settings) listenAddress(port int) string {
	if s.transport == "tcp" {
		return fmt.Sprintf("/ip4/%s/tcp/%d", s.ip, port)
	}
	return fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", s.ip, port)
}
