use crate::{connections, meeting::Meeting, peer, settings::Settings};
use anyhow::{Context, Result, bail};
use futures::{StreamExt, future::Either, pin_mut};
use libp2p::{Multiaddr, PeerId, Swarm, multiaddr::Protocol, ping, swarm::SwarmEvent};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

pub async fn run(settings: Settings, meeting: Meeting) -> Result<()> {
    let (mut swarm, circuit) = peer::start(&settings, &meeting).await?;
    let listener: PeerId = meet(&mut swarm, &meeting).await?.parse()?;
    timeout(DEADLINE, punch(swarm, circuit.with(Protocol::P2p(listener)), listener))
        .await
        .context("no direct connection in time")?
}

/// The swarm must go on while we wait for the other peer.
async fn meet(swarm: &mut Swarm<peer::Behaviour>, meeting: &Meeting) -> Result<String> {
    let id = meeting.wait_for("listener_peer_id");
    pin_mut!(id);
    loop {
        match futures::future::select(&mut id, swarm.select_next_some()).await {
            Either::Left((id, _)) => return id,
            Either::Right((event, _)) => connections::log(&event),
        }
    }
}

async fn punch(mut swarm: Swarm<peer::Behaviour>, circuit: Multiaddr, listener: PeerId) -> Result<()> {
    let dialed = Instant::now();
    swarm.dial(circuit)?;
    let mut relayed = None;
    let mut direct = Vec::new();
    loop {
        let event = swarm.select_next_some().await;
        connections::log(&event);
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } if peer_id == listener => {
                if endpoint.is_relayed() {
                    relayed.get_or_insert_with(Instant::now);
                } else {
                    direct.push(connection_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { error, .. } if relayed.is_none() => bail!("over the relay: {error}"),
            // a failure is no end: the connection that the other side opened may be there already
            SwarmEvent::Behaviour(peer::BehaviourEvent::Dcutr(event)) => eprintln!("{event:?}"),
            // the behaviour pings each new connection at once
            SwarmEvent::Behaviour(peer::BehaviourEvent::Ping(ping::Event { connection, result: Ok(_), .. }))
                if direct.contains(&connection) =>
            {
                let start = relayed.context("there was no relayed connection")?;
                println!("# rust-libp2p dialer");
                println!("handshakeTime: {:.2}", start.elapsed().as_secs_f64() * 1000.0);
                println!("fromDial: {:.2}", dialed.elapsed().as_secs_f64() * 1000.0);
                println!("unit: ms");
                return Ok(());
            }
            _ => {}
        }
    }
}
