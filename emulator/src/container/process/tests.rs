//! Real processes in real time. The server that they run is this test binary itself, so that nothing else has to be there.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::container::{Port, Program};

/// The variable that tells the server of other tests where to listen.
const LISTEN: &str = "LISTEN";

/// Returns the command of a server that answers each message by its method; see [`answer`].
pub(crate) fn server() -> String {
    let this = std::env::current_exe().expect("a path");
    format!("exec '{}' --exact container::process::tests::server_of_other_tests --ignored --nocapture", this.display())
}

#[tokio::test]
#[ignore = "started by other tests, as a process"]
async fn server_of_other_tests() {
    let host = std::env::var(LISTEN).unwrap_or_else(|_| "0.0.0.0".to_owned());
    let port: u16 = std::env::var("PORT").expect("PORT").parse().expect("a port");
    let listener = TcpListener::bind((host.as_str(), port)).await.expect("a free port");
    while let Ok((stream, _)) = listener.accept().await {
        let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>) -> Response<Stream> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let header = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok());
    let result = match message["method"].as_str().unwrap_or_default() {
        "describe" => {
            let environment: BTreeMap<String, String> = std::env::vars().collect();
            json!({"process": std::process::id(), "path": parts.uri.path(), "host": header("host"),
                "session": header("mcp-session-id"), "environment": environment})
        }
        "exit" => std::process::exit(7),
        "sleep" => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Value::Null
        }
        "stream" => {
            let event = Frame::data(Bytes::from("data: {}\n\n"));
            let first = futures_util::stream::iter([Ok(event)]);
            let events = futures_util::StreamExt::chain(first, futures_util::stream::pending());
            let mut response =
                Response::new(http_body_util::combinators::BoxBody::new(http_body_util::StreamBody::new(events)));
            response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
            return response;
        }
        _ => Value::Null,
    };
    let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string();
    let mut response = Response::new(crate::reply::whole(body.into_bytes()));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

/// The output of a process.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Output {
    fn text(&self) -> String {
        self.0.lock().expect("no panic").clone()
    }

    fn log(&self) -> Log {
        let output = Arc::clone(&self.0);
        Arc::new(move |lines| {
            let mut output = output.lock().expect("no panic");
            output.push_str(lines);
            output.push('\n');
        })
    }
}

fn program(command: &str) -> Program {
    Program::command(command, Port::InVariables(vec!["PORT".to_owned()]), [])
}

async fn start(program: &Program, output: &Output) -> Result<Process, String> {
    program.start(BTreeMap::new(), BTreeMap::new(), output.log()).await
}

/// Starts a command that does not listen in time. Returns its output, and what is found then.
async fn refusal(command: &str, time: Duration) -> (String, String) {
    let output = Output::default();
    let process = start(&program(command), &output).await.expect("a process");
    assert!(!process.listens_within(time).await);
    (output.text(), process.whereabouts().await)
}

/// Returns the commands of the processes whose environment names a container.
fn processes_of(name: &str) -> Vec<String> {
    let mark = format!("{NAME_VARIABLE}={name}");
    let has_mark = |path: &PathBuf| {
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").expect("a folder").flatten().map(|entry| entry.path());
    entries.filter(has_mark).map(|path| std::fs::read_to_string(path.join("cmdline")).unwrap_or_default()).collect()
}

/// Waits until something is so, for some seconds at most.
async fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..400 {
        if is_so() {
            return true;
        }
        tokio::time::sleep(POLL).await;
    }
    false
}

#[tokio::test]
async fn a_command_that_cannot_be_run_or_ends_is_known_at_once() {
    let long = Duration::from_mins(10);
    let (missing, _) = refusal("no-such-server --port $PORT", long).await;
    assert!(
        missing.contains("no-such-server") && missing.contains("the server has ended: exit status: 127"),
        "{missing}"
    );
    let (ended, _) = refusal("echo to the output; echo to the errors >&2; exit 3", long).await;
    assert!(ended.contains("to the output\n") && ended.contains("to the errors\n"), "{ended}");
    assert!(ended.ends_with("the server has ended: exit status: 3\n"), "{ended}");
    let (daemon, _) = refusal("sleep 100 & exit 0", long).await;
    assert!(daemon.ends_with("the server has ended: exit status: 0\n"), "{daemon}");
}

#[tokio::test]
async fn a_server_that_agentcore_could_not_reach_is_told_from_one_that_does_not_listen() {
    let some = Duration::from_secs(2);
    let (_, silent) = refusal("sleep 100", some).await;
    assert!(silent.starts_with("nothing listens on port "), "{silent}");
    if cfg!(target_os = "linux") {
        let (_, inside) = refusal(&format!("{LISTEN}=127.0.0.1; export {LISTEN}; {}", server()), some).await;
        assert!(inside.starts_with("the server listens on 127.0.0.1 only"), "{inside}");
    }
    let (_, newer) = refusal(&format!("{LISTEN}=::1; export {LISTEN}; {}", server()), some).await;
    assert!(newer.starts_with("the server listens on ::1 only"), "{newer}");
}

#[tokio::test]
async fn every_process_and_file_of_a_container_is_gone_after_it() {
    let output = Output::default();
    let command = "trap '' TERM; touch $TMPDIR/file; setsid sleep 100 & sleep 101 & (sleep 102 &) ;";
    let process = start(&program(&format!("{command} {}", server())), &output).await.expect("a process");
    assert!(process.listens_within(Duration::from_mins(1)).await, "{}", output.text());
    let (name, folder) = (process.group.name.clone(), process.folder.0.clone());
    assert!(folder.join("file").exists());
    assert_eq!(processes_of(&name).len(), 4, "{:?}", processes_of(&name));
    drop(process);
    assert!(eventually(|| processes_of(&name).is_empty()).await, "{:?}", processes_of(&name));
    assert!(!folder.exists());
    assert!(!output.text().contains("has ended"), "its end was our choice: {}", output.text());
}

#[tokio::test]
async fn an_output_without_end_is_read_to_the_end_and_not_all_kept_in_memory() {
    let (seen, longest) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let log: Log = {
        let (seen, longest) = (Arc::clone(&seen), Arc::clone(&longest));
        Arc::new(move |lines| {
            *seen.lock().expect("no panic") += lines.len();
            let mut longest = longest.lock().expect("no panic");
            *longest = lines.len().max(*longest);
        })
    };
    let program = program("head -c 100000000 /dev/zero; echo; echo the end");
    let process = program.start(BTreeMap::new(), BTreeMap::new(), log).await.expect("a process");
    assert!(!process.listens_within(Duration::from_mins(5)).await);
    assert!(*seen.lock().expect("no panic") >= 100_000_000);
    assert!(*longest.lock().expect("no panic") < 1_000_000);
}

#[tokio::test]
async fn a_fixed_port_belongs_to_the_newest_container() {
    // Whoever runs the tests may have a program on this port.
    let Ok(taken) = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8000)) else { return };
    let program = Program::command(&format!("PORT=8000; export PORT; {}", server()), Port::Fixed, []);
    let output = Output::default();
    let refused = start(&program, &output).await.expect_err("the port is taken");
    assert!(refused.starts_with("port 8000 of this machine cannot be listened on: "), "{refused}");
    drop(taken);
    let first = start(&program, &output).await.expect("a process");
    assert!(first.listens_within(Duration::from_mins(1)).await, "{}", output.text());
    let second = start(&program, &output).await.expect("a process");
    assert!(second.listens_within(Duration::from_mins(1)).await, "{}", output.text());
    assert!(eventually(|| first.has_ended()).await && !second.has_ended());
    let words = "the server was ended: another session needs its port\n";
    assert!(output.text().contains(words), "{}", output.text());
}

#[tokio::test]
async fn an_image_runs_in_an_engine_and_is_removed_with_its_container() {
    let folder = Folder::create().expect("a folder");
    let engine = folder.0.join("docker");
    let notes = folder.0.join("notes");
    // As the engine does, it runs the image apart from itself, and knows it by its name.
    let script = format!(
        "#!/bin/sh\nnotes='{}'\necho \"$*\" >> \"$notes\"\ncase $1 in\nrun) ({}) & echo $! > \"$notes.$6\"; wait;;\n\
         rm) kill -9 $(cat \"$notes.$3\");;\nesac\n",
        notes.display(),
        server()
    );
    let source = folder.0.join("docker.sh");
    std::fs::write(&source, script).expect("a file");
    // By another process: a file that this one still has open, in a child of another test, cannot be run.
    let installed = std::process::Command::new("install").args(["-m", "755"]).args([&source, &engine]).status();
    assert!(installed.is_ok_and(|status| status.success()));
    let engine = engine.to_str().expect("plain text");
    let program = Program::image(engine, "team/server:1", Port::InVariables(vec!["PORT".to_owned()]), []);
    let output = Output::default();
    let environment = BTreeMap::from([("API_KEY".to_owned(), "secret-value".to_owned())]);
    let process = program.start(environment, BTreeMap::new(), output.log()).await.expect("a process");
    assert!(process.listens_within(Duration::from_mins(1)).await, "{}", output.text());
    let name = process.group.name.clone();
    drop(process);
    let notes = || std::fs::read_to_string(&notes).expect("a file");
    assert!(eventually(|| notes().contains("rm --force")).await, "{}", notes());
    let notes = notes();
    let run = format!("run --rm --network host --name {name} --env API_KEY --env PORT team/server:1");
    assert_eq!(notes.lines().collect::<Vec<_>>(), [run, format!("rm --force {name}")]);
}
