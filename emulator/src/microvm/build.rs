//! The build of a version on platform version V2: its container is started once, has to become healthy, is warmed up,
//! and is copied for every session from then on. The values that it has read by then stay as they are for the life of
//! the version.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};

use crate::agentcore_control::Build;
use crate::aws::Aws;
use crate::container::{Server, Snapshot};

/// A container has to be healthy within this time [DG runtime-v2-optimize].
const HEALTH: Duration = Duration::from_mins(2);

impl Aws {
    /// Starts the container of a version and ends its build.
    pub(crate) async fn build(self, build: Build) {
        self.sleep_until(build.starts).await;
        let now = self.clock().now();
        let found = self.with(|world| {
            let runtime = world.agentcore.runtime(&build.runtime_id, now)?;
            let version = runtime.versions.iter().find(|version| version.number == build.version)?;
            let (arn, configuration) = (runtime.arn.clone(), version.configuration.clone());
            let key = (arn.clone(), format!("build {}", build.version));
            Some((arn, configuration.warmup_path().map(str::to_owned), world.containers.boot(key, &configuration)))
        });
        // A deleted version needs no container.
        let Some((arn, warmup, boot)) = found else { return };
        let started = match boot.run(&self, HEALTH).await {
            Some(server) => warm_up(server, warmup.as_deref()).await,
            None => Err(format!(
                "The container failed its health check: it did not become healthy within {} seconds.",
                HEALTH.as_secs()
            )),
        };
        if started.is_ok() {
            self.sleep_until(build.not_before).await;
        }
        let now = self.clock().now();
        self.with(|world| {
            let runtime = world.agentcore.runtime(&build.runtime_id, now);
            let is_kept = runtime.is_some_and(|runtime| runtime.deletion.is_none());
            let result = started.map(|server| {
                if is_kept {
                    world.containers.keep((arn, build.version), Snapshot(server));
                }
            });
            world.agentcore.finish_build(&build, result, now);
        });
    }

    async fn sleep_until(&self, time: std::time::SystemTime) {
        tokio::time::sleep(time.duration_since(self.clock().now()).unwrap_or_default()).await;
    }
}

/// Calls the hook once, if there is one. It is not retried [DG runtime-lifecycle-hooks].
async fn warm_up(server: Arc<Server>, path: Option<&str>) -> Result<Arc<Server>, String> {
    let Some(path) = path else { return Ok(server) };
    let mut request = Request::new(Vec::new());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().map_err(|_| format!("The warm-up hook's path '{path}' is not valid."))?;
    match Arc::clone(&server).handle(request).await {
        Ok(response) if response.status().is_success() => Ok(server),
        Ok(response) => {
            Err(format!("The warm-up hook at '{path}' answered with status {}.", response.status().as_u16()))
        }
        Err(_) => Err(format!("The warm-up hook at '{path}' was not answered.")),
    }
}
