use libp2p::swarm::SwarmEvent;
use std::fmt::Debug;

/// Says on stderr which connections come and go.
pub fn log<E: Debug>(event: &SwarmEvent<E>) {
    match event {
        SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => {
            eprintln!("connection with {peer_id}: {endpoint:?}");
        }
        SwarmEvent::ConnectionClosed { peer_id, endpoint, cause, .. } => {
            eprintln!("closed: connection with {peer_id}: {endpoint:?} ({cause:?})");
        }
        SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
            eprintln!("no connection to {peer_id:?}: {error}");
        }
        SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
            eprintln!("no connection from {send_back_addr}: {error}");
        }
        SwarmEvent::ListenerClosed { addresses, reason, .. } => {
            eprintln!("no longer listening on {addresses:?}: {reason:?}");
        }
        _ => {}
    }
}
