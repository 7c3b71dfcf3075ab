//! actix-web, which takes the signals itself.

use actix_web::{App, HttpResponse, HttpServer, web};
use lifecycle_bench::{DRAIN, HELLO};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/", web::get().to(async || HELLO))
            .route("/slow", web::get().to(slow))
            .route("/hang", web::get().to(hang))
            .route("/never", web::get().to(never))
            .route("/large", web::get().to(large))
    })
    .workers(2)
    .shutdown_timeout(DRAIN.as_secs())
    .bind("127.0.0.1:0")?;
    for address in server.addrs() {
        lifecycle_bench::announce(address)?;
    }
    server.run().await
}

async fn slow() -> &'static str {
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    HELLO
}

async fn hang() -> &'static str {
    std::future::pending().await
}

async fn never() -> HttpResponse {
    HttpResponse::Ok().streaming(lifecycle_bench::never())
}

async fn large() -> HttpResponse {
    HttpResponse::Ok().streaming(lifecycle_bench::large())
}
