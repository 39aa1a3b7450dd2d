use crate::settings::Settings;
use anyhow::{Context, Result};
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use std::{future::Future, time::Duration};
use tokio::time::{sleep, timeout};

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const MEETING_DEADLINE: Duration = Duration::from_secs(30);

/// Where the three programs of a test find each other: keys in Redis.
pub struct Meeting {
    connection: MultiplexedConnection,
    prefix: String,
}

impl Meeting {
    /// Redis may start after us.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let client = Client::open(format!("redis://{}", settings.redis))?;
        let connection = poll("Redis", async || client.get_multiplexed_async_connection().await.ok()).await?;
        Ok(Self { connection, prefix: format!("{}_", settings.key) })
    }

    pub async fn publish(&mut self, name: &str, value: String) -> Result<()> {
        let key = format!("{}{name}", self.prefix);
        eprintln!("{key} = {value}");
        Ok(self.connection.set(key, value).await?)
    }

    /// To be awaited beside a swarm, so it borrows nothing.
    pub fn wait_for(&self, name: &str) -> impl Future<Output = Result<String>> + use<> {
        let connection = self.connection.clone();
        let key = format!("{}{name}", self.prefix);
        async move {
            let get = async || connection.clone().get::<_, Option<String>>(&key).await.ok().flatten();
            poll(&key, get).await
        }
    }
}

async fn poll<T>(what: &str, attempt: impl AsyncFn() -> Option<T>) -> Result<T> {
    let found = async {
        loop {
            if let Some(value) = attempt().await {
                return value;
            }
            sleep(POLL_INTERVAL).await;
        }
    };
    timeout(MEETING_DEADLINE, found).await.with_context(|| format!("{what}: nothing in time"))
}
