//! The orders: in memory for reading, and each a line of a file before it is confirmed.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: usize,
    pub(crate) customer: String,
    pub(crate) item: String,
    pub(crate) quantity: u32,
}

/// What a customer sends.
#[derive(Debug, Deserialize)]
pub(crate) struct NewOrder {
    pub(crate) customer: String,
    pub(crate) item: String,
    pub(crate) quantity: u32,
}

/// Clones are the same journal.
#[derive(Clone)]
pub(crate) struct Journal(Arc<Mutex<Inner>>);

struct Inner {
    orders: Vec<Order>,
    /// `None`: it has been closed.
    file: Option<File>,
}

impl Journal {
    /// Reads what is there, and goes on behind it. Half a line at the end, which a machine that lost
    /// its power leaves behind, was confirmed to nobody.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let text = match tokio::fs::read_to_string(path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let orders = text[..whole]
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Order>, _>>()
            .with_context(|| format!("{} holds something else than orders", path.display()))?;
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .await
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.set_len(whole as u64).await?;
        let file = Some(file);
        Ok(Self(Arc::new(Mutex::new(Inner { orders, file }))))
    }

    /// Writes it down, and only then confirms it.
    pub(crate) async fn place(&self, new: NewOrder) -> Result<Order> {
        let mut inner = self.0.lock().await;
        let order = Order {
            id: inner.orders.len() + 1,
            customer: new.customer,
            item: new.item,
            quantity: new.quantity,
        };
        let mut line = serde_json::to_vec(&order)?;
        line.push(b'\n');
        let file = inner.file.as_mut().context("the journal is closed")?;
        file.write_all(&line).await?;
        file.flush().await?;
        inner.orders.push(order.clone());
        Ok(order)
    }

    pub(crate) async fn get(&self, id: usize) -> Option<Order> {
        let inner = self.0.lock().await;
        inner.orders.get(id.checked_sub(1)?).cloned()
    }

    /// Up to `count` orders, beginning with that at `place`.
    pub(crate) async fn page(&self, place: usize, count: usize) -> Vec<Order> {
        let inner = self.0.lock().await;
        let page = inner.orders.iter().skip(place).take(count);
        page.cloned().collect()
    }

    /// Has everything on the disk. Nothing can be placed any more.
    pub(crate) async fn close(self) -> Result<()> {
        if let Some(file) = self.0.lock().await.file.take() {
            file.sync_all().await?;
        }
        Ok(())
    }
}
