//! The prices: opened with those of the last close, moved by the feed, written at the close.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use lifecycle::Stopping;
use tokio::sync::broadcast;

use crate::pb::Quote;

/// With what a symbol opens that was never quoted before, in cents.
const LISTED: [(&str, i64); 4] = [
    ("ACME", 12_050),
    ("GLOBEX", 8_725),
    ("HOOLI", 99_010),
    ("INITECH", 1_430),
];

/// How many quotes a watcher may be behind before it misses some.
const BEHIND: usize = 256;

/// Clones are the same market.
#[derive(Clone)]
pub(crate) struct Market {
    latest: Arc<RwLock<BTreeMap<String, Quote>>>,
    changes: broadcast::Sender<Quote>,
}

impl Market {
    /// Opens with the closing prices in `path`, where there are any.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let mut prices: BTreeMap<String, i64> = LISTED
            .into_iter()
            .map(|(symbol, cents)| (symbol.to_owned(), cents))
            .collect();
        match tokio::fs::read_to_string(path).await {
            Ok(closing) => prices.extend(closing.lines().filter_map(|line| {
                let (symbol, cents) = line.split_once(' ')?;
                Some((symbol.to_owned(), cents.parse().ok()?))
            })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
        let latest = prices.into_iter().map(|(symbol, cents)| {
            let quote = Quote {
                symbol: symbol.clone(),
                cents,
                number: 0,
            };
            (symbol, quote)
        });
        Ok(Self {
            latest: Arc::new(RwLock::new(latest.collect())),
            changes: broadcast::Sender::new(BEHIND),
        })
    }

    pub(crate) fn latest(&self, symbol: &str) -> Option<Quote> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.get(symbol).cloned()
    }

    /// All latest quotes, and every one that comes after them.
    pub(crate) fn watch(&self) -> (Vec<Quote>, broadcast::Receiver<Quote>) {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        (latest.values().cloned().collect(), self.changes.subscribe())
    }

    /// Moves one price after the other, by less than a percent, until it is asked to stop.
    pub(crate) async fn feed(self, stopping: Stopping, tick: Duration) {
        let mut ticks = tokio::time::interval(tick);
        let mut number: u64 = 0;
        loop {
            tokio::select! {
                () = stopping.requested() => return,
                _ = ticks.tick() => {}
            }
            number = number.wrapping_add(1);
            self.trade(number);
        }
    }

    fn trade(&self, number: u64) {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let count = latest.len().max(1) as u64;
        let place = usize::try_from(number % count).unwrap_or_default();
        let Some(quote) = latest.values_mut().nth(place) else {
            return;
        };
        // A walk that looks random enough: the high bits of a linear congruence.
        let noise = number.wrapping_mul(6_364_136_223_846_793_005) >> 57;
        let step = i64::try_from(noise).unwrap_or_default() - 64;
        quote.cents = (quote.cents + quote.cents * step / 10_000).max(1);
        quote.number += 1;
        // Nobody may be watching.
        let _ = self.changes.send(quote.clone());
    }

    /// Writes the closing prices to `path`, whole or not at all.
    pub(crate) async fn close(self, path: PathBuf) -> Result<()> {
        let lines: String = {
            let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
            let line = |quote: &Quote| format!("{} {}\n", quote.symbol, quote.cents);
            latest.values().map(line).collect()
        };
        let new = path.with_extension("new");
        tokio::fs::write(&new, lines).await?;
        tokio::fs::rename(&new, &path).await?;
        Ok(())
    }
}
