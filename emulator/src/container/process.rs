//! The processes of one container.

use std::ffi::OsStr;
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::output::spawn_readers;
use crate::reply::Stream;

/// Receives what a container prints, whole lines at a time.
pub(crate) type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// The time between two looks at a process.
pub(super) const POLL: Duration = Duration::from_millis(25);
/// The output of an ended process is waited for this long: its children may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The longest that a container engine may take to remove a container.
const REMOVAL: Duration = Duration::from_secs(10);
/// AgentCore calls a container from outside: a server that listens on 127.0.0.1 alone is not reached. On Linux another
/// address of the loopback interface shows the difference.
const FROM_OUTSIDE: Ipv4Addr =
    if cfg!(target_os = "linux") { Ipv4Addr::new(127, 0, 0, 2) } else { Ipv4Addr::LOCALHOST };
/// The variable in which every process of a container has the container's name, even one that left the group.
const NAME_VARIABLE: &str = "HOSTNAME";

/// A started container. Dropping it kills it, as the end of a microVM does, and deletes its temporary files.
pub(crate) struct Process {
    group: Arc<Group>,
    port: u16,
    /// True once it has ended.
    ended: watch::Receiver<bool>,
    client: Client<HttpConnector, Full<Bytes>>,
    folder: Folder,
}

/// The container has ended, or closed the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// The processes of a container.
#[derive(Debug)]
pub(super) struct Group {
    name: String,
    /// The first process, and the group's id, until they have ended.
    leader: Mutex<Option<Pid>>,
    /// The container engine that runs it.
    engine: Option<String>,
    /// The reason for its end, if that was our choice.
    end: OnceLock<End>,
}

/// The reason why a container was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its session is over.
    Session,
    /// Another container needs its port.
    Port,
}

impl Process {
    pub(super) fn start(
        mut command: Command,
        folder: Folder,
        engine: Option<String>,
        port: u16,
        log: Log,
    ) -> Result<Self, String> {
        let name = folder.name().to_owned();
        command.env(NAME_VARIABLE, &name).env("TMPDIR", &folder.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(|problem| format!("the server cannot be started: {problem}"))?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let group = Arc::new(Group { name, leader: Mutex::new(leader), engine, end: OnceLock::new() });
        let (sender, ended) = watch::channel(false);
        tokio::spawn(watch_over(child, Arc::clone(&group), log, sender));
        let mut connector = HttpConnector::new();
        // Waiting to fill a packet would only show as latency.
        connector.set_nodelay(true);
        // Without connections for later requests: a server may close them at any time.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { group, port, ended, client, folder })
    }

    pub(super) fn group(&self) -> Weak<Group> {
        Arc::downgrade(&self.group)
    }

    /// Waits until it can be reached as AgentCore reaches it, for so long at most. Returns false if it then cannot, or has
    /// ended.
    pub(crate) async fn listens_within(&self, time: Duration) -> bool {
        let mut ended = self.ended.clone();
        let end = async move { ended.wait_for(|ended| *ended).await.map(drop) };
        let listens = async {
            while !connects(FROM_OUTSIDE.into(), self.port).await {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            biased;
            _ = end => false,
            outcome = tokio::time::timeout(time, listens) => outcome.is_ok(),
        }
    }

    /// Says why it cannot be reached, and where it listens instead.
    pub(crate) async fn whereabouts(&self) -> String {
        let port = self.port;
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            if connects(address, self.port).await {
                return format!("the server listens on {address} only, port {port}; AgentCore reaches it on 0.0.0.0");
            }
        }
        format!("nothing listens on port {port}")
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Passes a request on, and the answer back as it comes. `owner` lives until the answer has ended.
    pub(super) async fn handle(
        &self,
        request: Request<Vec<u8>>,
        owner: impl Send + Sync + 'static,
    ) -> Result<Response<Stream>, Gone> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri: Uri = format!("http://127.0.0.1:{}{path}", self.port).parse().map_err(|_| Gone)?;
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        let response = self.client.request(request).await.map_err(|_| Gone)?;
        Ok(response.map(|body| {
            let broken = move |problem| {
                let _alive = &owner;
                std::io::Error::other(problem)
            };
            body.map_err(broken).boxed()
        }))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.group.kill(End::Session);
    }
}

impl Group {
    /// Kills all of its processes. May be called twice.
    pub(super) fn kill(&self, end: End) {
        // The first reason counts.
        let _ = self.end.set(end);
        self.kill_processes();
        let Some(engine) = self.engine.clone() else { return };
        let name = self.name.clone();
        let removal = move || remove_container(&engine, &name);
        match Handle::try_current() {
            // The runtime waits for it at its own end.
            Ok(runtime) => drop(runtime.spawn_blocking(removal)),
            Err(_) => removal(),
        }
    }

    fn kill_processes(&self) {
        // Once only: the id may be a stranger's after that.
        if let Some(leader) = self.leader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Fails if all of them have ended.
            let _ = kill_process_group(leader, Signal::KILL);
        }
        kill_stragglers(&self.name);
    }
}

/// Kills the processes that left the group of the container, where the system shows the environment of its processes.
fn kill_stragglers(name: &str) {
    let mark = format!("{NAME_VARIABLE}={name}");
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for id in ids {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
            && let Some(id) = Pid::from_raw(id)
        {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// Removes a container that outlives the process of the engine's that ran it.
#[allow(clippy::disallowed_methods, reason = "it runs on a thread where nothing can be awaited")]
fn remove_container(engine: &str, name: &str) {
    let mut command = std::process::Command::new(engine);
    command.args(["rm", "--force", name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut removal) = command.spawn() else { return };
    let begun = std::time::Instant::now();
    while let Ok(None) = removal.try_wait() {
        if begun.elapsed() > REMOVAL {
            eprintln!("`{engine} rm --force {name}` did not end within {} seconds", REMOVAL.as_secs());
            let _ = removal.kill();
            let _ = removal.wait();
            return;
        }
        std::thread::sleep(POLL);
    }
}

/// Passes the output on, and announces the end.
async fn watch_over(mut child: Child, group: Arc<Group>, log: Log, ended: watch::Sender<bool>) {
    let output = Arc::clone(&log);
    let mut readers = spawn_readers(&mut child, move |lines| output(lines));
    let status = child.wait().await;
    // The end of the first process is the end of the container.
    group.kill_processes();
    let all_read = async { while readers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_WORDS, all_read).await;
    match status {
        Ok(status) if status.signal() == Some(Signal::KILL.as_raw()) && group.end.get() == Some(&End::Session) => {}
        Ok(_) if group.end.get() == Some(&End::Port) => log("the server was ended: another session needs its port"),
        Ok(status) => log(&format!("the server has ended: {status}")),
        Err(problem) => log(&format!("the server has ended: {problem}")),
    }
    // Nobody is told if the container was dropped.
    let _ = ended.send(true);
}

async fn connects(address: IpAddr, port: u16) -> bool {
    TcpStream::connect((address, port)).await.is_ok()
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("group", &self.group)
            .field("folder", &self.folder)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// A folder for the temporary files of a container, and its name, which is the container's.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Creates a folder that nobody had before.
    pub(super) fn create() -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("agentcore-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process that was killed, and had the same id.
                Err(problem) if problem.kind() == ErrorKind::AlreadyExists => {}
                Err(problem) => return Err(format!("{} cannot be created: {problem}", path.display())),
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        self.0.file_name().and_then(OsStr::to_str).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted stays in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
pub(crate) mod tests;
