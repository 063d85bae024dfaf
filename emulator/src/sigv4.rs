//! Authentication: a request is signed again with the secret that belongs to its access key, and the two signatures
//! compared.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::Request;

use crate::service::ApiError;

/// The largest difference between the signature's date and the service's clock.
const SKEW_MAX: Duration = Duration::from_mins(5);

/// The `Authorization` header of a request, parsed.
#[derive(Debug)]
pub(crate) struct Authorization<'r> {
    /// The access key.
    pub(crate) access_key_id: &'r str,
    /// The service in the credential scope.
    pub(crate) signing_name: &'r str,
    region: &'r str,
    day: &'r str,
    signed_headers: Vec<&'r str>,
    signature: &'r str,
    date: &'r str,
}

impl<'r> Authorization<'r> {
    /// Reads the `Authorization` and `X-Amz-Date` headers.
    pub(crate) fn of<B>(request: &'r Request<B>) -> Result<Self, ApiError> {
        let missing = || ApiError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        let header = header(request, "authorization").ok_or_else(missing)?;
        let incomplete = |what: &str| {
            let message = format!("Authorization header requires '{what}' parameter.");
            ApiError::new(400, "IncompleteSignatureException", message)
        };
        let parameters = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| incomplete("AWS4-HMAC-SHA256"))?;
        let parameter = |name: &'static str| {
            parameters
                .split(',')
                .find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| incomplete(name))
        };
        let scope: Vec<&str> = parameter("Credential")?.split('/').collect();
        let [access_key_id, day, region, signing_name, "aws4_request"] = scope[..] else {
            return Err(incomplete("Credential"));
        };
        Ok(Self {
            access_key_id,
            signing_name,
            region,
            day,
            signed_headers: parameter("SignedHeaders")?.split(';').collect(),
            signature: parameter("Signature")?,
            date: self::header(request, "x-amz-date").ok_or_else(|| incomplete("X-Amz-Date"))?,
        })
    }

    /// Signs the request again and compares.
    pub(crate) fn verify(
        &self,
        request: &Request<Vec<u8>>,
        region: &str,
        credentials: &crate::service::Credentials,
        now: SystemTime,
    ) -> Result<(), ApiError> {
        let date = self.date()?;
        self.fresh(date, now)?;
        if self.region != region {
            return Err(invalid(format!("Credential should be scoped to a valid region, not '{}'.", self.region)));
        }
        let must_be_signed = |name: &str| name == "host" || (name.starts_with("x-amz-") && name != "x-amz-user-agent");
        let unsigned = request
            .headers()
            .keys()
            .map(http::HeaderName::as_str)
            .find(|name| must_be_signed(name) && !self.signed_headers.contains(name));
        if let Some(name) = unsigned {
            return Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
        if header(request, "x-amz-security-token") != Some(&credentials.session_token) {
            return Err(unrecognized());
        }
        let expected = self.sign(request, credentials, date).map_err(|problem| invalid(problem.to_string()))?;
        if expected == self.signature {
            return Ok(());
        }
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ))
    }

    /// Reads `X-Amz-Date`, which is ISO 8601 in its basic form: `20260901T000000Z`.
    fn date(&self) -> Result<SystemTime, ApiError> {
        let text = self.date;
        let wrong = || invalid(format!("Date in Credential scope does not match YYYYMMDD from ISO-8601 '{text}'."));
        if text.len() != 16 || !text.is_ascii() || !text.starts_with(self.day) {
            return Err(wrong());
        }
        let extended = format!(
            "{}-{}-{}T{}:{}:{}",
            &text[..4],
            &text[4..6],
            &text[6..8],
            &text[9..11],
            &text[11..13],
            &text[13..]
        );
        let date = DateTime::from_str(&extended, Format::DateTime).map_err(|_| wrong())?;
        SystemTime::try_from(date).map_err(|_| wrong())
    }

    fn fresh(&self, date: SystemTime, now: SystemTime) -> Result<(), ApiError> {
        if date + SKEW_MAX < now {
            let (limit, now) = (basic_date(now - SKEW_MAX), basic_date(now));
            let message = format!("Signature expired: {} is now earlier than {limit} ({now} - 5 min.)", self.date);
            return Err(invalid(message));
        }
        if date > now + SKEW_MAX {
            let (limit, now) = (basic_date(now + SKEW_MAX), basic_date(now));
            let message =
                format!("Signature not yet current: {} is still later than {limit} ({now} + 5 min.)", self.date);
            return Err(invalid(message));
        }
        Ok(())
    }

    fn sign(
        &self,
        request: &Request<Vec<u8>>,
        credentials: &crate::service::Credentials,
        date: SystemTime,
    ) -> Result<String, aws_sigv4::http_request::SigningError> {
        // The signer adds the date and the token itself.
        let headers = self
            .signed_headers
            .iter()
            .filter(|name| !["x-amz-date", "x-amz-security-token"].contains(name))
            .flat_map(|name| request.headers().get_all(*name).iter().map(move |value| (*name, value)))
            .filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
        let host = header(request, "host").unwrap_or_default();
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let signable = SignableRequest::new(
            request.method().as_str(),
            format!("https://{host}{path}"),
            headers,
            SignableBody::Bytes(request.body()),
        )?;
        let identity = Credentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            Some(credentials.session_token.clone()),
            None,
            "emulator",
        )
        .into();
        let mut settings = SigningSettings::default();
        // What the client chose to sign was chosen above.
        settings.excluded_headers = None;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.signing_name)
            .time(date)
            .settings(settings)
            .build()
            .expect("every parameter is set")
            .into();
        Ok(sign(signable, &parameters)?.into_parts().1)
    }
}

/// Formats a moment in ISO 8601's basic form, as signatures write it: `20260901T000000Z`.
pub(crate) fn basic_date(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let extended = DateTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)).fmt(Format::DateTime);
    extended.unwrap_or_default().chars().filter(|character| !matches!(character, '-' | ':')).collect()
}

/// Secrets Manager and Bedrock both name a bad signature so, with another status each; the query protocols and S3 say
/// `SignatureDoesNotMatch`.
pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(403, "InvalidSignatureException", message)
}

/// Creates the refusal of an access key or a session token that the account did not issue.
pub(crate) fn unrecognized() -> ApiError {
    ApiError::new(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

fn header<'r, B>(request: &'r Request<B>, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
pub(crate) mod tests;
