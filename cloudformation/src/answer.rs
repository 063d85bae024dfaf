//! A custom resource's answer, judged as CloudFormation judges it.

use serde_json::{Map, Value};

use crate::intrinsics::text;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 4096;
/// Bytes of a physical id.
const PHYSICAL_ID_BYTES_MAX: usize = 1024;

/// The request that an answer has to belong to.
#[expect(clippy::struct_field_names, reason = "all of them are ids, and named as in the event")]
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub stack_id: String,
    pub request_id: String,
    pub logical_id: String,
    /// A Delete has to be answered with the id it was sent with.
    pub deleted_id: Option<String>,
}

/// A well-formed answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    /// FAILED answers carry their reason.
    pub failure: Option<String>,
    pub physical_id: String,
    pub data: Map<String, Value>,
    pub no_echo: bool,
}

/// Reads an answer. An error is the reason why the resource fails; with it comes the id, if the answer had a good one.
pub(crate) fn read(body: &[u8], question: &Question) -> Result<Answer, (String, Option<String>)> {
    let refuse = |reason: &str| Err((reason.to_owned(), None));
    if body.len() > ANSWER_BYTES_MAX {
        return refuse("Response object is too long.");
    }
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else {
        return refuse("Response is not a valid JSON object");
    };
    let member = |name: &str| members.get(name).and_then(Value::as_str);
    let identity = [
        ("StackId", &question.stack_id),
        ("RequestId", &question.request_id),
        ("LogicalResourceId", &question.logical_id),
    ];
    for (name, expected) in identity {
        match member(name) {
            None => return refuse(&format!("Vendor response doesn't contain {name} attribute")),
            Some(given) if given != expected => return refuse(&format!("Invalid {name}")),
            Some(_) => {}
        }
    }
    let physical_id = match members.get("PhysicalResourceId") {
        Some(Value::String(id)) if !id.is_empty() && id.len() <= PHYSICAL_ID_BYTES_MAX => id.clone(),
        _ => return refuse("Invalid PhysicalResourceId"),
    };
    if question.deleted_id.as_ref().is_some_and(|deleted| *deleted != physical_id) {
        return refuse("Invalid PhysicalResourceId");
    }
    let refuse = |reason: &str| Err((reason.to_owned(), Some(physical_id.clone())));
    let failure = match member("Status") {
        Some("SUCCESS") => None,
        Some("FAILED") => match member("Reason") {
            Some(reason) if !reason.is_empty() => Some(reason.to_owned()),
            _ => return refuse("Vendor response doesn't contain Reason attribute"),
        },
        Some(_) => return refuse("Invalid Status"),
        None => return refuse("Vendor response doesn't contain Status attribute"),
    };
    let data = match members.get("Data") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(data)) if data.values().all(|value| text(value).is_some()) => data.clone(),
        Some(_) => return refuse("Value of property Data must be an object with String (or simple type) properties"),
    };
    let no_echo = match members.get("NoEcho") {
        None => false,
        Some(value) => match text(value).as_deref() {
            Some("true") => true,
            Some("false") => false,
            _ => return refuse("Value of property NoEcho must be of type Boolean"),
        },
    };
    Ok(Answer { failure, physical_id, data, no_echo })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_with(
        change: impl Fn(&mut Map<String, Value>),
        deleted_id: Option<&str>,
    ) -> Result<Answer, (String, Option<String>)> {
        let question = Question {
            stack_id: "stack".into(),
            request_id: "request".into(),
            logical_id: "Thing".into(),
            deleted_id: deleted_id.map(str::to_owned),
        };
        let mut answer = json!({"Status": "SUCCESS", "PhysicalResourceId": "id", "StackId": "stack", "RequestId": "request",
            "LogicalResourceId": "Thing", "Data": {"Port": 8443, "Arn": "arn"}});
        change(answer.as_object_mut().expect("an object"));
        read(answer.to_string().as_bytes(), &question)
    }

    fn reason(change: impl Fn(&mut Map<String, Value>)) -> String {
        read_with(change, None).expect_err("the answer must be refused").0
    }

    #[test]
    fn a_good_answer_is_read() {
        let answer = read_with(|_| (), None).expect("well formed");
        assert_eq!((answer.failure, answer.physical_id.as_str(), answer.no_echo), (None, "id", false));
        assert_eq!(answer.data["Port"], 8443);
    }

    #[test]
    fn wrong_answers_are_refused_in_the_words_of_cloudformation() {
        let set = |name: &'static str, value: Value| {
            move |answer: &mut Map<String, Value>| {
                answer.insert(name.to_owned(), value.clone());
            }
        };
        assert_eq!(reason(set("PhysicalResourceId", json!(""))), "Invalid PhysicalResourceId");
        assert_eq!(reason(|answer| drop(answer.remove("PhysicalResourceId"))), "Invalid PhysicalResourceId");
        assert_eq!(reason(set("PhysicalResourceId", json!("x".repeat(1025)))), "Invalid PhysicalResourceId");
        assert_eq!(reason(set("Status", json!("FAILED"))), "Vendor response doesn't contain Reason attribute");
        assert_eq!(reason(set("Status", json!("OK"))), "Invalid Status");
        assert_eq!(reason(set("RequestId", json!("other"))), "Invalid RequestId");
        assert_eq!(
            reason(|answer| drop(answer.remove("StackId"))),
            "Vendor response doesn't contain StackId attribute"
        );
        assert!(reason(set("Data", json!({"a": {"b": 1}}))).contains("simple type"));
        assert_eq!(reason(set("Data", json!({"a": "x".repeat(4096)}))), "Response object is too long.");
        let question = Question {
            stack_id: String::new(),
            request_id: String::new(),
            logical_id: String::new(),
            deleted_id: None,
        };
        assert!(read(b"OK", &question).is_err());
    }

    #[test]
    fn a_delete_keeps_its_id_and_a_bad_status_keeps_the_id() {
        assert_eq!(read_with(|_| (), Some("other")), Err(("Invalid PhysicalResourceId".to_owned(), None)));
        let refused = read_with(|answer| drop(answer.insert("Status".into(), json!("OK"))), None);
        assert_eq!(refused, Err(("Invalid Status".to_owned(), Some("id".to_owned()))));
    }
}
