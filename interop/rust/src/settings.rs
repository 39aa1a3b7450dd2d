use anyhow::{Context, Result, bail};
use libp2p::Multiaddr;
use std::env;

pub enum Role {
    Relay,
    Listener,
    Dialer,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Transport {
    Tcp,
    Quic,
}

pub struct Settings {
    pub role: Role,
    pub transport: Transport,
    /// To listen on.
    pub ip: String,
    /// host:port
    pub redis: String,
    /// Prefix of all keys of this test.
    pub key: String,
}

impl Settings {
    pub fn read() -> Result<Self> {
        let (role, ip) = if is("IS_RELAY") {
            (Role::Relay, first_of(&["RELAY_IP"]))
        } else if is("IS_DIALER") {
            (Role::Dialer, first_of(&["PEER_IP", "DIALER_IP"]))
        } else {
            (Role::Listener, first_of(&["PEER_IP", "LISTENER_IP"]))
        };
        let transport = match env::var("TRANSPORT").unwrap_or_default().as_str() {
            "quic-v1" => Transport::Quic,
            "tcp" => Transport::Tcp,
            other => bail!("TRANSPORT={other} is neither tcp nor quic-v1"),
        };
        let secure = env::var("SECURE_CHANNEL").unwrap_or_default();
        let muxer = env::var("MUXER").unwrap_or_default();
        if transport == Transport::Tcp && (secure != "noise" || muxer != "yamux") {
            bail!("this peer has noise and yamux over TCP, not SECURE_CHANNEL={secure} MUXER={muxer}");
        }
        Ok(Self {
            role,
            transport,
            ip,
            redis: env::var("REDIS_ADDR").context("REDIS_ADDR must be set")?,
            key: env::var("TEST_KEY").context("TEST_KEY must be set")?,
        })
    }

    pub fn listen_address(&self, port: u16) -> Result<Multiaddr> {
        let ip = &self.ip;
        Ok(match self.transport {
            Transport::Tcp => format!("/ip4/{ip}/tcp/{port}"),
            Transport::Quic => format!("/ip4/{ip}/udp/{port}/quic-v1"),
        }
        .parse()?)
    }
}

fn is(name: &str) -> bool {
    env::var(name).is_ok_and(|value| value == "true")
}

/// The contract's page says PEER_IP, its runner sets DIALER_IP and LISTENER_IP.
fn first_of(names: &[&str]) -> String {
    names.iter().find_map(|name| env::var(name).ok()).unwrap_or_else(|| "0.0.0.0".to_owned())
}
