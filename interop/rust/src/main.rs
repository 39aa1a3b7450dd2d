//! A rust-libp2p peer for the hole-punch matrix: relay, listener or dialer, as the environment says. See docs/interop.md.

mod connections;
mod dialer;
mod listener;
mod meeting;
mod peer;
mod relay;
mod settings;

use anyhow::Result;
use meeting::Meeting;
use settings::{Role, Settings};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<()> {
    // stdout belongs to the result
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let settings = Settings::read()?;
    let meeting = Meeting::open(&settings).await?;
    match settings.role {
        Role::Relay => relay::run(settings, meeting).await,
        Role::Listener => listener::run(settings, meeting).await,
        Role::Dialer => dialer::run(settings, meeting).await,
    }
}
