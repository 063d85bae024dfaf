//! One process of a function, and the Runtime API that it alone talks to.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::record::{Record, lock};
use crate::output::spawn_readers;

/// The version in the Runtime API's paths.
const API: &str = "/2018-06-01/runtime/";

/// One event on its way to the process.
pub(super) struct Delivery {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) deadline: SystemTime,
    pub(super) function_arn: String,
}

/// A running process. Dropping it kills it and closes its Runtime API.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    environment: BTreeMap<String, String>,
    api: Arc<Api>,
    deliveries: mpsc::Sender<Delivery>,
    readers: JoinSet<()>,
    record: Arc<Record>,
    _server: JoinSet<()>,
}

impl Process {
    /// Starts `program` with exactly `environment` and the address of a Runtime API of its own.
    pub(super) async fn start(
        program: &Path,
        environment: BTreeMap<String, String>,
        record: Arc<Record>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (deliveries, queue) = mpsc::channel(1);
        let api = Arc::new(Api {
            queue: tokio::sync::Mutex::new(queue),
            current: Mutex::default(),
            started: Mutex::default(),
            init_failed: AtomicBool::default(),
            record: Arc::clone(&record),
        });
        let mut command = Command::new(program);
        command.env_clear().envs(&environment).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(folder) = program.parent() {
            command.current_dir(folder);
        }
        *lock(&api.started) = Some(Instant::now());
        let mut child = command.spawn()?;
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&api)));
        let lines = Arc::clone(&record);
        let readers = spawn_readers(&mut child, move |text| lock(&lines.logs).extend(text.lines().map(str::to_owned)));
        Ok(Self { child, environment, api, deliveries, readers, record, _server: server })
    }

    /// Returns the environment the process was started with.
    pub(super) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Returns true if the process can take another event: it still runs, and has not reported that it could not start.
    pub(super) fn is_alive(&mut self) -> bool {
        !self.api.init_failed.load(Ordering::Relaxed) && matches!(self.child.try_wait(), Ok(None))
    }

    /// Hands one event to the process and waits for its answer, or for its end.
    pub(super) async fn deliver(&mut self, delivery: Delivery) -> Result<(), String> {
        let (answer, mut answered) = oneshot::channel();
        *lock(&self.api.current) = Some(Current { request_id: delivery.request_id.clone(), answer });
        if self.deliveries.send(delivery).await.is_err() {
            return Err("the Runtime API of the process is gone".to_owned());
        }
        tokio::select! {
            biased;
            outcome = &mut answered => outcome.unwrap_or_else(|_| Err("the invocation was given up".to_owned())),
            status = self.child.wait() => {
                // An answer that arrived just before the end still counts.
                if let Ok(outcome) = answered.try_recv() {
                    return outcome;
                }
                Err(match status {
                    Ok(status) => format!("Runtime exited with error: {status}"),
                    Err(error) => format!("Runtime exited: {error}"),
                })
            }
        }
    }

    /// Notes the process's peak memory so far, while it is there to be asked.
    pub(super) fn note_memory(&self) {
        let Some(peak) = self.child.id().and_then(peak_memory_bytes) else { return };
        let mut known = lock(&self.record.peak_memory);
        *known = Some(known.unwrap_or_default().max(peak));
    }

    /// Kills the process (SIGKILL, as Lambda does) and reads the rest of what it wrote.
    pub(super) async fn kill(mut self) {
        // Only a process that has ended already cannot be killed.
        let _ = self.child.kill().await;
        while self.readers.join_next().await.is_some() {}
    }
}

/// The state behind one process's Runtime API.
#[derive(Debug)]
struct Api {
    queue: tokio::sync::Mutex<mpsc::Receiver<Delivery>>,
    current: Mutex<Option<Current>>,
    /// The time at which the process was started, until its first request for an event.
    started: Mutex<Option<Instant>>,
    init_failed: AtomicBool,
    record: Arc<Record>,
}

/// The invocation that waits for an answer.
#[derive(Debug)]
struct Current {
    request_id: String,
    answer: oneshot::Sender<Result<(), String>>,
}

impl Api {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(API).unwrap_or_default().to_owned();
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            return refusal(StatusCode::BAD_REQUEST, "InvalidRequest", "the body ended early");
        };
        match (&head.method, path.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.finish(id, Ok(())),
            (&Method::POST, ["invocation", id, "error"]) => self.finish(id, Err(function_error(&head.headers, &body))),
            (&Method::POST, ["init", "error"]) => {
                self.init_failed.store(true, Ordering::Relaxed);
                let id = lock(&self.current).as_ref().map(|current| current.request_id.clone()).unwrap_or_default();
                self.finish(&id, Err(function_error(&head.headers, &body)))
            }
            _ => refusal(StatusCode::NOT_FOUND, "InvalidPath", "no such path in the Runtime API"),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        if let Some(started) = lock(&self.started).take() {
            lock(&self.record.starts).push(started.elapsed());
        }
        let Some(delivery) = self.queue.lock().await.recv().await else {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "Shutdown", "the execution environment is closing");
        };
        let deadline = delivery.deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", delivery.request_id)
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header("lambda-runtime-invoked-function-arn", delivery.function_arn)
            .header("lambda-runtime-trace-id", trace_id(deadline.as_secs()))
            .body(Full::new(delivery.payload))
            .unwrap_or_else(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, "InvalidEvent", &error.to_string()))
    }

    fn finish(&self, id: &str, outcome: Result<(), String>) -> Response<Full<Bytes>> {
        let Some(current) = lock(&self.current).take_if(|current| current.request_id == id) else {
            return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "no such invocation is open");
        };
        // After the deadline nobody listens.
        let _ = current.answer.send(outcome);
        reply(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
    }
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Small messages in both directions, one at a time: waiting to fill a packet would only show as latency.
        let _ = stream.set_nodelay(true);
        let api = Arc::clone(&api);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let api = Arc::clone(&api);
                async move { Ok::<_, std::convert::Infallible>(api.handle(request).await) }
            });
            // A connection that breaks off is seen as the end of the process.
            let _ =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Returns `ErrorType: message`, from the body that the Runtime API asks for, or from the header if that body is
/// missing.
fn function_error(headers: &HeaderMap, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let kind = body["errorType"].as_str().or(header).unwrap_or("Unhandled");
    let message = body["errorMessage"].as_str().unwrap_or("the function gave no message");
    format!("{kind}: {message}")
}

/// Returns an X-Ray trace header that samples nothing.
fn trace_id(seconds: u64) -> String {
    format!("Root=1-{seconds:08x}-000000000000000000000000;Parent=0000000000000000;Sampled=0")
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    reply(status, &json!({ "errorType": kind, "errorMessage": message }))
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

fn peak_memory_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
