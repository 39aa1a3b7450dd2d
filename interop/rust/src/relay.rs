use crate::{
    connections,
    meeting::Meeting,
    settings::{Settings, Transport},
};
use anyhow::Result;
use futures::StreamExt;
use libp2p::{Swarm, SwarmBuilder, identify, noise, relay, swarm::NetworkBehaviour, swarm::SwarmEvent, tcp, yamux};

const RELAY_PORT: u16 = 4001;

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    relay: relay::Behaviour,
}

impl Behaviour {
    fn new(key: &libp2p::identity::Keypair) -> Self {
        let identify = identify::Config::new("/interop/1.0.0".to_owned(), key.public());
        Self {
            identify: identify::Behaviour::new(identify),
            relay: relay::Behaviour::new(key.public().to_peer_id(), relay::Config::default()),
        }
    }
}

pub async fn run(settings: Settings, mut meeting: Meeting) -> Result<()> {
    let mut swarm = swarm(settings.transport)?;
    swarm.listen_on(settings.listen_address(RELAY_PORT)?)?;
    loop {
        let event = swarm.select_next_some().await;
        connections::log(&event);
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                // nobody here could confirm it, and a reservation is granted at confirmed addresses only
                swarm.add_external_address(address.clone());
                let address = address.with_p2p(*swarm.local_peer_id()).expect("it names no other peer");
                meeting.publish("relay_multiaddr", address.to_string()).await?;
            }
            SwarmEvent::Behaviour(BehaviourEvent::Relay(event)) => eprintln!("{event:?}"),
            _ => {}
        }
    }
}

fn swarm(transport: Transport) -> Result<Swarm<Behaviour>> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    Ok(match transport {
        Transport::Tcp => builder
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
            .with_behaviour(Behaviour::new)?
            .build(),
        Transport::Quic => builder.with_quic().with_behaviour(Behaviour::new)?.build(),
    })
}
