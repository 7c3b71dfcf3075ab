//! A Redis stream, read by a consumer group.
//!
//! Redis' lease is idle time: an entry belongs to the consumer that read it until somebody claims it
//! (`XAUTOCLAIM`) because it has been idle for too long. So a lease is renewed by claiming one's own
//! entry again, which sets its idle time back; and as there is no `XNACK`, an entry is handed back by
//! making it idle since 1970, in the name of a consumer that nobody is.
//!
//! Both are scripts that first look whether the entry is still this consumer's: `XCLAIM` by itself
//! would take it back from another.

use std::time::Duration;

use lifecycle::{Claimed, Demand, Job, NotRenewed, Source};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, Script};

/// The one consumer group of a stream.
pub const GROUP: &str = "workers";
/// Whose the entries are that were handed back.
const NOBODY: &str = "nobody";
/// How long to wait for a new entry before looking for one whose consumer has gone.
const LOOK: Duration = Duration::from_secs(30);

const OWNED: &str = "
    local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
    if #owned == 0 then return 0 end ";
const RENEW: &str =
    "redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID') return 1";
const FINISH: &str = "redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
    redis.call('XDEL', KEYS[1], ARGV[3]) return 1";
const HAND_BACK: &str =
    "redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[4], 0, ARGV[3], 'TIME', 0, 'JUSTID') return 1";

/// One for commands, shared with the jobs, and one for waiting, which blocks it.
type Connections = (MultiplexedConnection, MultiplexedConnection);

/// A stream, read as one consumer of its group.
pub struct Stream {
    client: Client,
    key: String,
    consumer: String,
    open: Option<Connections>,
}

impl Stream {
    /// Reads `key` as `consumer`, a name that no other process has.
    pub fn of(client: Client, key: &str, consumer: &str) -> Self {
        Self {
            client,
            key: key.to_owned(),
            consumer: consumer.to_owned(),
            open: None,
        }
    }

    async fn connections(&mut self) -> RedisResult<&mut Connections> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        Ok(self.open.insert(open))
    }

    async fn connect(&self) -> RedisResult<Connections> {
        let mut commands = self.client.get_multiplexed_async_connection().await?;
        // The answer to a blocking command comes when it comes.
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let waiting = self
            .client
            .get_multiplexed_async_connection_with_config(&patient)
            .await?;
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(&self.key).arg(GROUP).arg("0");
        let made: RedisResult<()> = create.arg("MKSTREAM").query_async(&mut commands).await;
        match made {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error),
            _ => Ok((commands, waiting)),
        }
    }

    async fn read(&mut self, demand: Demand) -> RedisResult<Vec<StreamId>> {
        let lease = demand.lease.unwrap_or(LOOK);
        let (key, consumer) = (self.key.clone(), self.consumer.clone());
        let (commands, _) = self.connections().await?;
        let idle: StreamAutoClaimReply = redis::cmd("XAUTOCLAIM")
            .arg(&key)
            .arg(GROUP)
            .arg(&consumer)
            .arg(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX))
            .arg("0")
            .arg("COUNT")
            .arg(demand.most)
            .query_async(commands)
            .await?;
        let mut entries = idle.claimed;
        if entries.len() < demand.most {
            let new: Option<StreamReadReply> = redis::cmd("XREADGROUP")
                .arg("GROUP")
                .arg(GROUP)
                .arg(&consumer)
                .arg("COUNT")
                .arg(demand.most - entries.len())
                .arg("STREAMS")
                .arg(&key)
                .arg(">")
                .query_async(commands)
                .await?;
            let new = new.into_iter().flat_map(|reply| reply.keys);
            entries.extend(new.flat_map(|key| key.ids));
        }
        Ok(entries)
    }

    /// Waits for an entry that the group has not had, without taking it.
    async fn watch(&mut self) -> RedisResult<()> {
        let key = self.key.clone();
        let (commands, waiting) = self.connections().await?;
        let groups: redis::streams::StreamInfoGroupsReply = redis::cmd("XINFO")
            .arg("GROUPS")
            .arg(&key)
            .query_async(commands)
            .await?;
        let group = groups.groups.into_iter().find(|it| it.name == GROUP);
        let _: redis::Value = redis::cmd("XREAD")
            .arg("COUNT")
            .arg(1)
            .arg("BLOCK")
            .arg(u64::try_from(LOOK.as_millis()).unwrap_or(u64::MAX))
            .arg("STREAMS")
            .arg(&key)
            .arg(group.map_or_else(|| "$".to_owned(), |it| it.last_delivered_id))
            .query_async(waiting)
            .await?;
        Ok(())
    }
}

impl Source for Stream {
    type Payload = String;
    type Job = Entry;
    type Error = RedisError;

    async fn claim(&mut self, demand: Demand) -> RedisResult<Claimed<Self>> {
        let entries = match self.read(demand).await {
            Ok(entries) => entries,
            Err(error) => {
                self.open = None;
                return Err(error);
            }
        };
        let Some((commands, _)) = &self.open else {
            return Ok(Vec::new());
        };
        let job = |entry: StreamId| {
            let body = entry.get("body").unwrap_or_default();
            let job = Entry {
                commands: commands.clone(),
                key: self.key.clone(),
                consumer: self.consumer.clone(),
                name: entry.get("id").unwrap_or_else(|| entry.id.clone()),
                number: entry.id,
            };
            (body, job)
        };
        Ok(entries.into_iter().map(job).collect())
    }

    async fn wait(&mut self) -> RedisResult<()> {
        let watched = self.watch().await;
        if watched.is_err() {
            self.open = None;
        }
        watched
    }
}

/// An entry that this consumer has read and not acknowledged.
pub struct Entry {
    commands: MultiplexedConnection,
    key: String,
    consumer: String,
    name: String,
    /// What Redis calls the entry.
    number: String,
}

impl Entry {
    /// Whether the entry was still this consumer's.
    async fn change(&mut self, change: &str) -> RedisResult<bool> {
        Script::new(&format!("{OWNED}{change}"))
            .key(&self.key)
            .arg(GROUP)
            .arg(&self.consumer)
            .arg(&self.number)
            .arg(NOBODY)
            .invoke_async(&mut self.commands)
            .await
    }

    async fn end(mut self, change: &str) -> RedisResult<()> {
        match self.change(change).await? {
            true => Ok(()),
            false => Err((redis::ErrorKind::Client, "another consumer has it").into()),
        }
    }
}

impl Job for Entry {
    type Error = RedisError;

    fn id(&self) -> String {
        self.name.clone()
    }

    async fn renew(&mut self, _: Duration) -> Result<(), NotRenewed> {
        match self.change(RENEW).await? {
            true => Ok(()),
            false => Err(NotRenewed::Lost),
        }
    }

    async fn finish(self) -> RedisResult<()> {
        self.end(FINISH).await
    }

    async fn hand_back(self) -> RedisResult<()> {
        self.end(HAND_BACK).await
    }
}
