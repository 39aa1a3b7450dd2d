use crate::{connections, meeting::Meeting, peer, settings::Settings};
use anyhow::Result;
use futures::StreamExt;
use libp2p::{relay, swarm::SwarmEvent};

pub async fn run(settings: Settings, mut meeting: Meeting) -> Result<()> {
    let (mut swarm, circuit) = peer::start(&settings, &meeting).await?;
    swarm.listen_on(circuit)?;
    loop {
        let event = swarm.select_next_some().await;
        connections::log(&event);
        match event {
            SwarmEvent::Behaviour(peer::BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted {
                renewal: false,
                ..
            })) => {
                let id = swarm.local_peer_id().to_string();
                meeting.publish("listener_peer_id", id).await?;
            }
            SwarmEvent::Behaviour(peer::BehaviourEvent::Dcutr(event)) => eprintln!("{event:?}"),
            _ => {}
        }
    }
}
