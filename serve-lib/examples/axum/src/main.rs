//! A backend over HTTP that follows the champion of a registry: payments are scored, odd ones refused with the reason,
//! and all are counted.
//!
//! `cargo run --release -p shroff-example-axum --features http -- registry card-fraud`
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shroff_serve::counters::prometheus;
use shroff_serve::follow::{BackendError, Follow, FollowError, Follower, Opened};
use shroff_serve::{Bound, Counters, ScoreError, ScoreErrorKind};
use tokio::net::TcpListener;

/// A payment as a client sends it: each input of the model takes the field of its name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Payment {
    id: u64,
    /// Such as `2018-07-21T20:15:00Z`.
    at: Option<String>,
    amount: Option<f64>,
    country: Option<String>,
}

/// One model and what belongs to it, made and replaced together.
struct Model {
    bound: Bound<'static, Payment>,
    counters: Counters,
}

/// Shared by all requests.
type App = Follower<Model>;

fn follow(registry: &str, name: &str) -> Result<Arc<App>, FollowError> {
    let prepare = |opened: Opened| -> Result<Model, BackendError> {
        // A model that wants an input that payments have not is refused; the one before goes on.
        let bound = opened.scorer.bind_shared(&Payment::sample())?;
        Ok(Model { bound, counters: Counters::new(&opened.scorer) })
    };
    Ok(Arc::new(Follow::new(registry, name, "champion").start(prepare)?))
}

impl Payment {
    /// With every field there, so that binding sees their types.
    fn sample() -> Self {
        let text = |text: &str| Some(text.to_owned());
        let at = text("2018-07-21T20:15:00Z");
        Self { id: 1, at, amount: Some(1.0), country: text("FR") }
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/score", post(score))
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        // A payment is small; what is not is refused before it is read.
        .layer(DefaultBodyLimit::max(16 << 10))
        .with_state(app)
}

/// Scores within the handler: a microsecond is no work to hand to another thread.
async fn score(
    State(app): State<Arc<App>>,
    payment: Result<Json<Payment>, JsonRejection>,
) -> Response {
    let payment = match payment {
        Ok(Json(payment)) => payment,
        Err(error) => return refusal(error.status(), "request", error.body_text()),
    };
    let model = app.current();
    match model.counters.score_bound(&model.bound, &payment) {
        Ok(score) => Json(json!({
            "id": payment.id,
            "margin": score.margin,
            "probability": score.probability,
            "band": score.band.map(|_| model.bound.scorer().band_name(score)),
        }))
        .into_response(),
        Err(error) => refused(&error),
    }
}

/// The client's values are at fault, or else this program.
fn refused(error: &ScoreError) -> Response {
    let (status, kind) = match error.kind() {
        ScoreErrorKind::Rejected { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "rejected"),
        ScoreErrorKind::WrongType { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "wrong_type"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    refusal(status, kind, error.to_string())
}

fn refusal(status: StatusCode, kind: &str, message: String) -> Response {
    (status, Json(json!({ "error": kind, "message": message }))).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = prometheus(&[app.current().counters.snapshot()]).to_string();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Whether the model is the one that should be served: 503 once the registry was not seen for an hour.
async fn health(State(app): State<Arc<App>>) -> Response {
    let (model, status) = (app.current(), app.status());
    let staleness = status.staleness.map(|staleness| staleness.as_secs());
    let is_stale = staleness.is_none_or(|secs| secs > 3_600);
    let body = Json(json!({
        "model": model.bound.scorer().contents().provenance.model_name,
        "artifact": status.serving.artifact.to_string(),
        "event": status.serving.event,
        "engine": model.bound.scorer().engine_name(),
        "staleness_secs": staleness,
        "error": status.error,
    }));
    (if is_stale { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, body).into_response()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: backend-axum REGISTRY MODEL [ADDRESS]";
    let (registry, name) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    // A model that is damaged, or wants an input that payments have not, stops the start, and later on nothing.
    let app = follow(&registry, &name)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&address).await?;
        println!("scoring with {} on http://{address}", app.status().serving.artifact);
        Ok(axum::serve(listener, router(app)).await?)
    })
}

#[cfg(test)]
mod tests {
    use axum::body::{Bytes, to_bytes};
    use axum::extract::{FromRequest, Request};
    use serde_json::Value;
    use shroff_serve::Scorer;

    use super::*;

    /// What a request with this body is answered, by the handler itself.
    fn answer(app: &Arc<App>, body: &'static str) -> (StatusCode, Value) {
        let request = Request::builder().header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Bytes::from(body).into()).expect("a request");
        let (status, bytes) = run(async {
            let payment = Json::from_request(request, &()).await;
            read(score(State(Arc::clone(app)), payment).await).await
        });
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    async fn read(response: Response) -> (StatusCode, Bytes) {
        let status = response.status();
        (status, to_bytes(response.into_body(), 1 << 20).await.expect("a body"))
    }

    #[test]
    fn payments_are_scored_refused_and_counted() {
        let root = std::env::temp_dir().join(format!("shroff-axum-{}", std::process::id()));
        promote(&root, "averaged", 1);
        let app = follow(root.to_str().expect("text"), "card-fraud").expect("it opens and binds");
        let artifact = app.status().serving.artifact;
        // Golden record 3: an amount, a country never seen, an instant.
        let golden = r#"{"id": 7, "at": "2025-05-16T02:00:00Z", "amount": 99.5, "country": "💶"}"#;
        let (status, body) = answer(&app, golden);
        assert_eq!((status, &body["id"]), (StatusCode::OK, &json!(7)));
        assert_eq!(body["probability"], 0.008_282_686_291_534_029);
        assert!(body["band"].is_null(), "this model has no bands");

        for (payment, expected, error, part) in [
            (r#"{"id": 8, "amount": 1.0}"#, 422, "rejected", "\"hour\""),
            (r#"{"id": 9, "at": "yesterday"}"#, 422, "wrong_type", "\"at\""),
            (r#"{"id": "ten"}"#, 422, "request", "invalid type"),
            (r#"{"id": "#, 400, "request", "EOF"),
        ] {
            let (status, body) = answer(&app, payment);
            assert_eq!((status.as_u16(), &body["error"]), (expected, &json!(error)), "{body}");
            assert!(body["message"].as_str().is_some_and(|text| text.contains(part)), "{body}");
        }

        let (_, page) = run(async { read(metrics(State(Arc::clone(&app))).await).await });
        let page = String::from_utf8(page.to_vec()).expect("text");
        let labels = format!("model=\"card-fraud\",artifact=\"{artifact}\"");
        for sample in [
            format!("shroff_scored_total{{{labels}}} 1\n"),
            format!("shroff_rejected_total{{{labels},reason=\"missing\"}} 1\n"),
            format!("shroff_rejected_total{{{labels},reason=\"wrong_type\"}} 1\n"),
            format!("shroff_odd_values_total{{{labels},feature=\"country\",kind=\"unseen\"}} 1\n"),
        ] {
            assert!(page.contains(&sample), "{sample}: {page}");
        }
        let (_, health) = run(async { read(health(State(Arc::clone(&app))).await).await });
        let health: Value = serde_json::from_slice(&health).expect("JSON");
        assert_eq!(health["artifact"], artifact.to_string());
        assert_eq!((&health["event"], &health["error"]), (&json!(1), &Value::Null));

        // A model that asks for what payments have not: told, and not served.
        promote(&root, "linear", 2);
        app.refresh();
        let (status, health) = run(async { read(health_of(&app).await).await });
        let health: Value = serde_json::from_slice(&health).expect("JSON");
        assert_eq!((status, &health["event"]), (StatusCode::OK, &json!(1)));
        let error = health["error"].as_str().expect("an error");
        assert!(error.contains("balance"), "{error}");
        assert_eq!(answer(&app, golden).0, StatusCode::OK);
        std::fs::remove_dir_all(&root).expect("removed");
    }

    async fn health_of(app: &Arc<App>) -> Response {
        health(State(Arc::clone(app))).await
    }

    /// Makes a golden artifact the champion of a registry folder.
    fn promote(root: &std::path::Path, golden: &str, event: u64) {
        let golden =
            format!("{}/../../../tests/golden/v1/{golden}.shroff", env!("CARGO_MANIFEST_DIR"));
        let id = Scorer::open(&golden).expect("it opens").id().to_string();
        let blobs = root.join("blobs/b3").join(&id[..2]);
        let aliases = root.join("models/card-fraud/aliases");
        std::fs::create_dir_all(&blobs).expect("made");
        std::fs::create_dir_all(&aliases).expect("made");
        std::fs::copy(golden, blobs.join(format!("{id}.shroff"))).expect("copied");
        std::fs::write(aliases.join("champion"), format!("{id} {event}\n")).expect("written");
    }
}
