//! The methods. What they know of the end is a word for those who watch, and when to give up.

use std::pin::Pin;
use std::time::Duration;

use lifecycle::{Cancellation, Sessions};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError::Lagged;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::market::Market;
use crate::pb::quotes_server::Quotes;
use crate::pb::{GetQuoteRequest, Quote, WatchQuotesRequest};

pub(crate) struct Service {
    pub(crate) market: Market,
    /// How long the venue takes.
    pub(crate) lookup: Duration,
    pub(crate) watchers: Sessions,
}

#[tonic::async_trait]
impl Quotes for Service {
    async fn get_quote(
        &self,
        request: Request<GetQuoteRequest>,
    ) -> Result<Response<Quote>, Status> {
        let cancellation = request.extensions().get::<Cancellation>().cloned();
        let symbol = request.into_inner().symbol;
        tokio::select! {
            () = tokio::time::sleep(self.lookup) => {}
            // The step's time is up. Saying so beats being cut off.
            () = cancelled(cancellation) => {
                return Err(Status::unavailable("the server is stopping"));
            }
        }
        let quote = self.market.latest(&symbol);
        quote
            .map(Response::new)
            .ok_or_else(|| Status::not_found("not listed"))
    }

    type WatchQuotesStream = Pin<Box<dyn Stream<Item = Result<Quote, Status>> + Send>>;

    async fn watch_quotes(
        &self,
        request: Request<WatchQuotesRequest>,
    ) -> Result<Response<Self::WatchQuotesStream>, Status> {
        let symbols = request.get_ref().symbols.clone();
        // From here on the watcher belongs to the step `watchers` and not to that of the calls.
        let session = self
            .watchers
            .enter(request.extensions(), symbols.join(","))
            .map_err(|closed| Status::unavailable(closed.to_string()))?;
        let (latest, changes) = self.market.watch();
        let changes = BroadcastStream::new(changes).map(|change| {
            change.map_err(|Lagged(missed)| Status::data_loss(format!("{missed} quotes missed")))
        });
        let quotes = tokio_stream::iter(latest.into_iter().map(Ok))
            .chain(changes)
            .filter(move |quote| match quote {
                Ok(quote) => symbols.is_empty() || symbols.contains(&quote.symbol),
                Err(_) => true,
            });
        let quotes = session
            .stream(quotes)
            .last_item(|farewell| Err(Status::unavailable(farewell.reason())));
        Ok(Response::new(Box::pin(quotes)))
    }
}

async fn cancelled(cancellation: Option<Cancellation>) {
    match cancellation {
        Some(cancellation) => cancellation.cancelled().await,
        // Served by something else than a `GrpcServer`, as in a test.
        None => std::future::pending().await,
    }
}
