//! RabbitMQ, by its own start script: node, ports, data and cookie of its own.

use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::server::{Process, installed, port};
use crate::worker::Lease;

pub(crate) struct Server {
    port: u16,
    // Before the port mapper, which it uses, and the folder, in which it writes.
    process: Process,
    _mapper: Process,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        // The wrapper in the PATH insists on a user and on paths of the system's.
        let program = "/usr/lib/rabbitmq/bin/rabbitmq-server";
        if !installed("epmd") || !std::path::Path::new(program).is_file() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (amqp, distribution, mapper) = (port(), port(), port());
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("plugins"), "[].").unwrap();
        std::fs::write(
            path("rabbit.conf"),
            format!("listeners.tcp.1 = 127.0.0.1:{amqp}\nlog.console = true\nlog.file = false\n"),
        )
        .unwrap();
        let mapper_process = Process::spawn(
            Command::new("epmd")
                .args(["-port", &mapper.to_string()])
                .env("ERL_EPMD_ADDRESS", "127.0.0.1"),
        );
        mapper_process.wait_until(|| TcpStream::connect(("127.0.0.1", mapper)).is_ok());
        let server = Process::spawn(
            Command::new(program)
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("HOME", folder.path())
                .env("ERL_EPMD_PORT", mapper.to_string())
                .env("ERL_EPMD_ADDRESS", "127.0.0.1")
                .env("RABBITMQ_NODENAME", format!("test{amqp}@localhost"))
                .env("RABBITMQ_DIST_PORT", distribution.to_string())
                .env("RABBITMQ_MNESIA_BASE", path("data"))
                .env("RABBITMQ_LOG_BASE", path("log"))
                .env("RABBITMQ_PID_FILE", path("pid"))
                .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"))
                .env("RABBITMQ_CONFIG_FILE", path("rabbit.conf"))
                .env("RABBITMQ_CONF_ENV_FILE", path("none"))
                // The script becomes the server, instead of passing signals on to it.
                .env("RUNNING_UNDER_SYSTEMD", "true"),
        );
        let server = Self {
            port: amqp,
            process: server,
            _mapper: mapper_process,
            _folder: folder,
        };
        server.process.wait_until(|| {
            TcpStream::connect(("127.0.0.1", amqp)).is_ok() && server.connect().is_some()
        });
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    fn connect(&self) -> Option<(Runtime, Connection, Channel)> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (connection, channel) = runtime.block_on(async {
            let connection =
                Connection::connect(&self.url(), ConnectionProperties::default()).await;
            let connection = connection.ok()?;
            let channel = connection.create_channel().await.ok()?;
            Some((connection, channel))
        })?;
        Some((runtime, connection, channel))
    }

    pub(crate) fn queue(&self, name: &str) -> Queue {
        self.queue_with(name, FieldTable::default())
    }

    /// A queue as the example makes it.
    pub(crate) fn queue_of_thumbnails(&self) -> Queue {
        let mut arguments = FieldTable::default();
        for (key, value) in [
            ("x-dead-letter-exchange", ""),
            ("x-dead-letter-routing-key", "thumbnails.failed"),
        ] {
            arguments.insert(key.into(), AMQPValue::LongString(value.into()));
        }
        self.queue_with("thumbnails", arguments)
    }

    fn queue_with(&self, name: &str, arguments: FieldTable) -> Queue {
        let (runtime, connection, channel) = self.connect().unwrap();
        let queue = Queue {
            runtime,
            _connection: connection,
            channel,
            url: self.url(),
            name: name.to_owned(),
            held: AtomicUsize::new(0),
        };
        queue.declare(false, arguments);
        queue
    }

    pub(crate) fn stop(&self) {
        self.process.kill();
    }
}

pub(crate) struct Queue {
    runtime: Runtime,
    _connection: Connection,
    channel: Channel,
    url: String,
    name: String,
    held: AtomicUsize,
}

impl Queue {
    /// How many messages nobody has.
    fn declare(&self, passive: bool, arguments: FieldTable) -> usize {
        let options = QueueDeclareOptions {
            passive,
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let name = self.name.as_str().into();
        let declared = self.channel.queue_declare(name, options, arguments);
        let queue = self.runtime.block_on(declared).unwrap();
        usize::try_from(queue.message_count()).unwrap()
    }
}

impl crate::Queue for Queue {
    /// The second time a message fails, it is not requeued.
    const FAILED_IS_KEPT: bool = false;

    fn environment(&self) -> [(&'static str, String); 2] {
        [("BROKER", "amqp".to_owned()), ("URL", self.url.clone())]
    }

    fn publish(&self, id: &str, body: &str) {
        let properties = BasicProperties::default().with_message_id(id.into());
        self.runtime
            .block_on(self.channel.basic_publish(
                "".into(),
                self.name.as_str().into(),
                BasicPublishOptions::default(),
                body.as_bytes(),
                properties,
            ))
            .unwrap();
        // The channel keeps its order: the message is in the queue when this is answered.
        self.declare(true, FieldTable::default());
    }

    fn claim(&self, _: Lease) -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            let get = self
                .channel
                .basic_get(self.name.as_str().into(), BasicGetOptions::default());
            let Some(message) = self.runtime.block_on(get).unwrap() else {
                return ids;
            };
            self.held.fetch_add(1, Ordering::Relaxed);
            ids.push(
                message
                    .properties
                    .message_id()
                    .as_ref()
                    .unwrap()
                    .to_string(),
            );
        }
    }

    fn jobs(&self) -> usize {
        self.declare(true, FieldTable::default()) + self.held.load(Ordering::Relaxed)
    }
}
