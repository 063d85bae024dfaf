//! The container engine of this machine, and the images that it has.

use std::process::Stdio;
use std::time::Duration;

use emulator::container::on_search_path;
use tokio::process::Command;

/// The container engines that are looked for, in this order.
const ENGINES: [&str; 2] = ["docker", "podman"];
/// The longest that an engine may take to look at an image.
const INSPECTION: Duration = Duration::from_secs(20);
/// The processor that AgentCore runs images on, as image formats call it.
const AGENTCORE_ARCHITECTURE: &str = "arm64";

/// Finds an engine on this machine.
///
/// # Errors
/// There is none.
pub(crate) fn find() -> Result<&'static str, String> {
    on_search_path(&ENGINES).ok_or_else(|| {
        format!(
            "`--image` needs {} on PATH, and found neither; run the server without a container by `--server`",
            ENGINES.join(" or ")
        )
    })
}

/// Makes sure that the engine has an image, and warns of one that AgentCore cannot run.
///
/// # Errors
/// The engine cannot be started, or does not get the image.
pub(crate) async fn fetch_image(engine: &str, image: &str) -> Result<(), String> {
    let mut inspect = Command::new(engine);
    inspect.args(["image", "inspect", "--format", "{{.Architecture}}", image]).stdin(Stdio::null()).kill_on_drop(true);
    let inspected = tokio::time::timeout(INSPECTION, inspect.output()).await;
    let inspected = inspected
        .map_err(|_| format!("`{engine} image inspect` did not answer within {} seconds", INSPECTION.as_secs()))?
        .map_err(|error| format!("`{engine}` cannot be started: {error}"))?;
    if !inspected.status.success() {
        let mut pull = Command::new(engine);
        pull.args(["pull", image]).stdin(Stdio::null()).kill_on_drop(true);
        let pulled = pull.status().await.map_err(|error| format!("`{engine}` cannot be started: {error}"))?;
        return if pulled.success() { Ok(()) } else { Err(format!("`{engine} pull {image}` failed ({pulled})")) };
    }
    let architecture = String::from_utf8_lossy(&inspected.stdout);
    let architecture = architecture.trim();
    if architecture != AGENTCORE_ARCHITECTURE {
        eprintln!(
            "note: {image} is built for {architecture} here; AgentCore runs images for {AGENTCORE_ARCHITECTURE} only"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Writes an engine that is this shell script.
    fn engine(name: &str, script: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("agentcore-local-{}-{name}", std::process::id()));
        let source = path.with_extension("sh");
        std::fs::write(&source, format!("#!/bin/sh\n{script}\n")).expect("a file");
        // By another process: a file that this one still has open, in a child of another test, cannot be run.
        let installed = std::process::Command::new("install").args(["-m", "755"]).args([&source, &path]).status();
        assert!(installed.is_ok_and(|status| status.success()));
        std::fs::remove_file(source).expect("the file");
        path
    }

    async fn fetched(name: &str, script: &str) -> Result<(), String> {
        let path = engine(name, script);
        let outcome = fetch_image(path.to_str().expect("plain text"), "team/server:1").await;
        std::fs::remove_file(&path).expect("the file");
        outcome.map_err(|sentence| sentence.replace(&*path.to_string_lossy(), "docker"))
    }

    #[tokio::test]
    async fn an_image_is_pulled_if_the_engine_does_not_have_it() {
        assert_eq!(fetched("has", "[ $1 = image ] && echo arm64").await, Ok(()));
        assert_eq!(fetched("pulls", "[ \"$*\" = 'pull team/server:1' ]").await, Ok(()));
        let refused = fetched("refuses", "exit 125").await;
        assert_eq!(refused, Err("`docker pull team/server:1` failed (exit status: 125)".to_owned()));
        let missing = fetch_image("/no/such/engine", "team/server:1").await.expect_err("no engine");
        assert!(missing.starts_with("`/no/such/engine` cannot be started: "), "{missing}");
    }

    #[tokio::test]
    async fn an_engine_that_hangs_is_given_up() {
        let path = engine("hangs", "exec sleep 1000");
        let mut hanging = Box::pin(fetch_image(path.to_str().expect("plain text"), "team/server:1"));
        assert!(tokio::time::timeout(Duration::from_millis(500), &mut hanging).await.is_err());
        tokio::time::pause();
        let refused = hanging.await.expect_err("a sentence");
        assert!(refused.ends_with("image inspect` did not answer within 20 seconds"), "{refused}");
        std::fs::remove_file(&path).expect("the file");
    }
}
