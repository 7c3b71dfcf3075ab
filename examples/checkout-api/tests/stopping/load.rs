//! Customers: some keep their connection, some open one for each request, some wait for a report.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::ORDER;
use crate::client::{Answer, Client, get, post};
use crate::service::Place;
use crate::store;

/// What all customers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Answered as asked.
    pub(crate) served: u64,
    /// Refused with 503, without the headers that tell a client what to do.
    pub(crate) rude: u64,
    /// Begun and not answered.
    pub(crate) broken: Vec<String>,
    /// The orders that were confirmed.
    pub(crate) orders: Vec<String>,
    /// Reports that were answered, and that were the last answer of their connection.
    pub(crate) reports_after_the_signal: u64,
}

pub(crate) struct Load {
    customers: JoinSet<()>,
    seen: Arc<Mutex<Seen>>,
}

/// Starts the customers. Each goes away when it is refused.
pub(crate) fn start(addr: SocketAddr) -> Load {
    let mut load = Load {
        customers: JoinSet::new(),
        seen: Arc::default(),
    };
    for number in 0..24 {
        let kept = number % 3 != 0;
        load.customers
            .spawn(shop(addr, kept, Arc::clone(&load.seen)));
    }
    for _ in 0..6 {
        load.customers.spawn(read(addr, Arc::clone(&load.seen)));
    }
    load
}

impl Load {
    /// What was seen, once every customer has gone.
    pub(crate) async fn finish(mut self) -> Seen {
        while let Some(customer) = self.customers.join_next().await {
            customer.unwrap();
        }
        std::mem::take(&mut *self.seen.lock().await)
    }
}

impl Seen {
    /// Every request was answered or politely refused, and every confirmed order is there, with its
    /// mail sent once or waiting for whoever comes next. The service has ended.
    pub(crate) async fn assert_nothing_lost(&self, place: &Place) {
        assert!(self.broken.is_empty(), "{:#?}", self.broken);
        assert_eq!(self.rude, 0, "refusals that say neither `close` nor when");
        assert!(self.served > 50, "hardly a load: {}", self.served);
        assert!(!self.orders.is_empty());

        let jobs = store::jobs(&place.database()).await;
        for order in &self.orders {
            let job = jobs.get(order).expect("an order that was confirmed");
            assert!(
                job.done || job.claimable,
                "nobody has it and nobody may: {job:?}"
            );
            // Claimed twice would be sent twice; claimed and not done would be lost work.
            assert_eq!(job.attempts, i64::from(job.done), "{job:?}");
            let mail = place.mail().join(format!("{}.eml", job.id));
            assert_eq!(mail.exists(), job.done, "{job:?}");
        }
    }
}

/// Looks around, orders, looks at the order, and so on.
async fn shop(addr: SocketAddr, kept: bool, seen: Arc<Mutex<Seen>>) {
    let mut client = Client::new(addr);
    let mut next = get("/");
    loop {
        if !kept {
            client = Client::new(addr);
        }
        let answer = client.send(&next).await;
        let Some((status, body)) = note(answer, &seen).await else {
            return;
        };
        next = if status == 201 {
            let order: serde_json::Value = serde_json::from_str(&body).unwrap();
            let id = order["id"].as_str().unwrap().to_owned();
            let show = get(&format!("/orders/{id}"));
            seen.lock().await.orders.push(id);
            show
        } else if body.starts_with('{') {
            get("/")
        } else {
            post("/orders", ORDER)
        };
    }
}

/// Reads one report after another.
async fn read(addr: SocketAddr, seen: Arc<Mutex<Seen>>) {
    let mut client = Client::new(addr);
    loop {
        let answer = client.send(&get("/reports/daily")).await;
        let last = matches!(&answer, Answer::Complete(response) if response.closes());
        if note(answer, &seen).await.is_none() {
            return;
        }
        seen.lock().await.reports_after_the_signal += u64::from(last);
    }
}

/// Counts an answer. `None` when the customer has to go elsewhere.
async fn note(answer: Answer, seen: &Mutex<Seen>) -> Option<(u16, String)> {
    let mut seen = seen.lock().await;
    match answer {
        Answer::Complete(response) if matches!(response.status, 200 | 201) => {
            seen.served += 1;
            Some((response.status, response.body))
        }
        Answer::Complete(response) if response.status == 503 => {
            seen.rude += u64::from(!response.is_polite_refusal());
            None
        }
        Answer::Complete(response) => {
            seen.broken
                .push(format!("{}: {}", response.status, response.body));
            None
        }
        Answer::Refused => None,
        Answer::Broken(how) => {
            seen.broken.push(how);
            None
        }
    }
}
