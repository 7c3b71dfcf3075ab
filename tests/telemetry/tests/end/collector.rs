//! A collector for tests: OTLP over HTTP, as protobuf, on real sockets.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use prost::Message as _;

/// What has arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// How often each kind of request came.
    requests: BTreeMap<String, usize>,
    /// Names of spans.
    pub(crate) spans: Vec<String>,
    /// The last value of each sum.
    pub(crate) sums: BTreeMap<String, i64>,
    /// Log lines: message, and its text attributes.
    pub(crate) lines: Vec<(String, BTreeMap<String, String>)>,
}

impl Received {
    pub(crate) fn count(&self, span: &str) -> usize {
        self.spans.iter().filter(|it| *it == span).count()
    }

    pub(crate) fn has_line(&self, message: &str) -> bool {
        self.lines.iter().any(|(it, _)| it == message)
    }
}

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    /// One that takes everything.
    pub(crate) fn start() -> Self {
        Self::serve(usize::MAX)
    }

    /// One that accepts connections and never answers.
    pub(crate) fn hanging() -> Self {
        Self::serve(0)
    }

    /// One that answers so many requests of each kind, and then none.
    pub(crate) fn serve(answers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Mutex<Received>>::default();
        let shelf = Arc::clone(&received);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                let shelf = Arc::clone(&shelf);
                thread::spawn(move || serve(&socket, &shelf, answers));
            }
        });
        Self { address, received }
    }

    pub(crate) fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }
}

/// Requests of one connection, one after another.
fn serve(socket: &TcpStream, shelf: &Mutex<Received>, answers: usize) {
    let mut reader = BufReader::new(socket);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.to_ascii_lowercase());
        }
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(0, |it| it.trim().parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut received = shelf.lock().unwrap();
        let asked = received.requests.entry(head[0].clone()).or_default();
        *asked += 1;
        if *asked > answers {
            drop(received);
            loop {
                thread::park();
            }
        }
        shelve(&head[0], &body, &mut received);
        drop(received);
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if (&*socket).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn shelve(request: &str, body: &[u8], received: &mut Received) {
    if request.starts_with("post /v1/traces ") {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let spans = request.resource_spans.into_iter();
        let spans = spans.flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
        received.spans.extend(spans.map(|span| span.name));
    } else if request.starts_with("post /v1/metrics ") {
        let request = ExportMetricsServiceRequest::decode(body).unwrap();
        let metrics = request.resource_metrics.into_iter();
        for metric in metrics
            .flat_map(|it| it.scope_metrics)
            .flat_map(|it| it.metrics)
        {
            let Some(Data::Sum(sum)) = metric.data else {
                continue;
            };
            for point in sum.data_points {
                if let Some(number_data_point::Value::AsInt(value)) = point.value {
                    received.sums.insert(metric.name.clone(), value);
                }
            }
        }
    } else if request.starts_with("post /v1/logs ") {
        let request = ExportLogsServiceRequest::decode(body).unwrap();
        let records = request.resource_logs.into_iter();
        for record in records
            .flat_map(|it| it.scope_logs)
            .flat_map(|it| it.log_records)
        {
            let text = |value: Option<Value>| match value {
                Some(Value::StringValue(text)) => Some(text),
                _ => None,
            };
            let message = text(record.body.and_then(|it| it.value)).unwrap_or_default();
            let attributes = record.attributes.into_iter();
            let attributes = attributes
                .filter_map(|it| Some((it.key, text(it.value.and_then(|it| it.value))?)))
                .collect();
            received.lines.push((message, attributes));
        }
    } else {
        panic!("nobody asks a collector for this: {request}");
    }
}
