use crate::{
    connections,
    meeting::Meeting,
    settings::{Settings, Transport},
};
use anyhow::{Context, Result, bail};
use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, dcutr, identify, identity::Keypair, multiaddr::Protocol, noise, ping, relay,
    swarm::NetworkBehaviour, swarm::SwarmEvent, tcp, yamux,
};
use std::time::Duration;
use tokio::time::timeout;

const RELAY_DEADLINE: Duration = Duration::from_secs(15);
/// The default is none at all: the connection to the relay would close while the other peer is still starting.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    relay: relay::client::Behaviour,
    identify: identify::Behaviour,
    dcutr: dcutr::Behaviour,
    ping: ping::Behaviour,
}

impl Behaviour {
    fn new(key: &Keypair, relay: relay::client::Behaviour) -> Self {
        let identify = identify::Config::new("/interop/1.0.0".to_owned(), key.public());
        Self {
            relay,
            identify: identify::Behaviour::new(identify),
            dcutr: dcutr::Behaviour::new(key.public().to_peer_id()),
            ping: ping::Behaviour::default(),
        }
    }
}

/// A peer behind a NAT that listens, is connected to the relay and has heard from it which address it is seen at.
/// Second result: the address of a circuit through the relay, without a peer at its end.
pub async fn start(settings: &Settings, meeting: &Meeting) -> Result<(Swarm<Behaviour>, Multiaddr)> {
    let mut swarm = swarm(settings.transport)?;
    swarm.listen_on(settings.listen_address(0)?)?;
    // only a dial that comes after this one leaves from the port that it listens on
    while !matches!(swarm.select_next_some().await, SwarmEvent::NewListenAddr { .. }) {}

    let relay: Multiaddr = meeting.wait_for("relay_multiaddr").await?.parse()?;
    swarm.dial(relay.clone())?;
    timeout(RELAY_DEADLINE, observed(&mut swarm)).await.context("the relay did not identify us")??;
    Ok((swarm, relay.with(Protocol::P2pCircuit)))
}

/// Until both identifications are over: DCUtR offers a relayed connection only those addresses that were known before it.
async fn observed(swarm: &mut Swarm<Behaviour>) -> Result<()> {
    let (mut sent, mut received) = (false, false);
    while !(sent && received) {
        let event = swarm.select_next_some().await;
        connections::log(&event);
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Sent { .. })) => sent = true,
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { info, .. })) => {
                eprintln!("seen at {}", info.observed_addr);
                received = true;
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => bail!("to the relay: {error}"),
            _ => {}
        }
    }
    Ok(())
}

fn swarm(transport: Transport) -> Result<Swarm<Behaviour>> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    Ok(match transport {
        Transport::Tcp => builder
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
            .with_relay_client(noise::Config::new, yamux::Config::default)?
            .with_behaviour(Behaviour::new)?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
            .build(),
        Transport::Quic => builder
            .with_quic()
            .with_relay_client(noise::Config::new, yamux::Config::default)?
            .with_behaviour(Behaviour::new)?
            .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_TIMEOUT))
            .build(),
    })
}
