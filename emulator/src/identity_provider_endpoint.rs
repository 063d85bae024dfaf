//! The endpoints of identity providers: a request for one reaches its state here.

use http::Request;

use crate::aws::Aws;
use crate::identity_provider::{HANGS_FOR, ProviderAnswer};
use crate::reply::Reply;

impl Aws {
    /// Serves one request to an identity provider. `None`: nothing listens there.
    pub(crate) async fn serve_identity_provider(&self, request: &Request<Vec<u8>>) -> Option<Reply> {
        if let Some(real) = self.with(|world| world.identity_providers.real_for(request)) {
            let response = real.forward(request).await.ok()?;
            self.with(|world| world.identity_providers.note(request, &response));
            return Some(Reply::Sent(response));
        }
        let serve = |aws: &Self| {
            let now = aws.clock().now();
            aws.with(|world| world.identity_providers.serve(request, now))
        };
        match self.slowly(serve).await? {
            ProviderAnswer::Sent(response) => Some(Reply::Sent(response)),
            ProviderAnswer::Unreachable => None,
            ProviderAnswer::Nothing => {
                tokio::time::sleep(HANGS_FOR).await;
                Some(Reply::Lost)
            }
        }
    }
}
