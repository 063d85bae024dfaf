use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::{Aws, ServiceId};
use crate::iam::Role;
use crate::service::{Answer, Principal};
use crate::settings::Settings;

const GROUP: &str = "/aws/bedrock-agentcore/runtimes/server-abcdefghij-DEFAULT";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";

fn call(aws: &Aws, operation: &str, input: Value) -> Answer {
    aws.call(&Principal::Administrator, ServiceId::Logs, operation, input)
}

fn code(answer: Answer) -> &'static str {
    answer.expect_err("an error").code
}

/// Writes two streams with three lines each, alternately, one line a second.
async fn written() -> Aws {
    let aws = Aws::new(Settings::default());
    for number in 0..6 {
        let now = aws.clock().now();
        let stream = format!("2026/09/01/[runtime-logs]{}", number % 2);
        aws.with(|world| world.logs.write(GROUP, &stream, now, [format!("line {number}")]));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    aws
}

fn messages(page: &Value) -> Vec<&str> {
    page["events"].as_array().expect("events").iter().filter_map(|event| event["message"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn there_is_no_group_before_something_was_written() {
    let aws = Aws::new(Settings::default());
    let stream = json!({"logGroupName": GROUP, "logStreamName": "x"});
    assert_eq!(code(call(&aws, "GetLogEvents", stream)), "ResourceNotFoundException");
    for operation in ["DescribeLogStreams", "FilterLogEvents"] {
        assert_eq!(code(call(&aws, operation, json!({"logGroupName": GROUP}))), "ResourceNotFoundException");
        assert_eq!(code(call(&aws, operation, json!({}))), "InvalidParameterException");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_kept_by_its_owner_and_lines_go_into_it() {
    let aws = Aws::new(Settings::default());
    let arn = format!("arn:aws:logs:us-east-1:111122223333:log-group:{GROUP}");
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let of_group = |more: Value| {
        let mut input = json!({"logGroupName": GROUP});
        input.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        input
    };
    for (operation, input) in [
        ("DeleteLogGroup", of_group(json!({}))),
        ("PutRetentionPolicy", of_group(json!({"retentionInDays": 7}))),
        ("DeleteRetentionPolicy", of_group(json!({}))),
        ("AssociateKmsKey", of_group(json!({"kmsKeyId": key}))),
        ("DisassociateKmsKey", of_group(json!({}))),
        ("TagResource", json!({"resourceArn": arn, "tags": {"team": "one"}})),
        ("ListTagsForResource", json!({"resourceArn": arn})),
    ] {
        assert_eq!(code(call(&aws, operation, input)), "ResourceNotFoundException", "{operation}");
    }
    call(&aws, "CreateLogGroup", of_group(json!({"tags": {"team": "one"}}))).expect("a group");
    assert_eq!(code(call(&aws, "CreateLogGroup", of_group(json!({})))), "ResourceAlreadyExistsException");
    for (operation, bad) in [
        ("PutRetentionPolicy", json!({"retentionInDays": 8})),
        ("AssociateKmsKey", json!({"kmsKeyId": "arn:aws:kms:us-east-1:111122223333:alias/logs"})),
    ] {
        assert_eq!(code(call(&aws, operation, of_group(bad))), "InvalidParameterException", "{operation}");
    }
    call(&aws, "PutRetentionPolicy", of_group(json!({"retentionInDays": 7}))).expect("kept for a week");
    call(&aws, "AssociateKmsKey", of_group(json!({"kmsKeyId": key}))).expect("a key");
    call(&aws, "TagResource", json!({"resourceArn": arn, "tags": {"stage": "test"}})).expect("tags");
    let tags = call(&aws, "ListTagsForResource", json!({"resourceArn": arn})).expect("tags");
    assert_eq!(tags, json!({"tags": {"stage": "test", "team": "one"}}));
    let now = aws.clock().now();
    aws.with(|world| {
        world.logs.write(GROUP, "s", now, ["x".to_owned()]);
        let group = world.logs.group(GROUP).expect("the group");
        assert_eq!((group.retention_days, group.kms_key.as_deref()), (Some(7), Some(key)));
    });
    let by_prefix = json!({"logGroupNamePrefix": GROUP});
    let listed = call(&aws, "DescribeLogGroups", by_prefix.clone()).expect("the group");
    let entry = json!({"logGroupName": GROUP, "arn": format!("{arn}:*"), "logGroupArn": arn, "retentionInDays": 7,
        "kmsKeyId": key});
    assert_eq!(listed, json!({"logGroups": [entry]}));
    call(&aws, "DeleteRetentionPolicy", of_group(json!({}))).expect("kept forever");
    call(&aws, "DisassociateKmsKey", of_group(json!({}))).expect("without a key");
    let listed = call(&aws, "DescribeLogGroups", by_prefix).expect("the group");
    assert_eq!(listed["logGroups"][0].as_object().expect("an entry").len(), 3);
    call(&aws, "DeleteLogGroup", of_group(json!({}))).expect("deleted");
    assert!(aws.with(|world| world.logs.groups().next().is_none() && world.logs.lines(GROUP).is_empty()));
}

#[tokio::test(start_paused = true)]
async fn groups_are_listed_by_the_beginning_of_their_names_and_with_a_permission_on_all() {
    let aws = Aws::new(Settings::default());
    for name in ["/a/2", "/b/1", "/a/1"] {
        call(&aws, "CreateLogGroup", json!({"logGroupName": name})).expect("a group");
    }
    let page = call(&aws, "DescribeLogGroups", json!({"logGroupNamePrefix": "/a/", "limit": 1})).expect("a page");
    assert_eq!(page["logGroups"][0]["logGroupName"], "/a/1");
    let rest = json!({"logGroupNamePrefix": "/a/", "nextToken": page["nextToken"]});
    let rest = call(&aws, "DescribeLogGroups", rest).expect("the rest");
    assert_eq!((&rest["logGroups"][0]["logGroupName"], rest.get("nextToken")), (&json!("/a/2"), None));
    let by_pattern = call(&aws, "DescribeLogGroups", json!({"logGroupNamePattern": "a"}));
    assert_eq!(code(by_pattern), "InvalidParameterException");

    let now = aws.clock().now();
    for (group, may) in [("/a/*", false), ("*", true)] {
        let resource = format!("arn:aws:logs:us-east-1:111122223333:log-group:{group}");
        let policy =
            json!({"Statement": {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": resource}});
        aws.with(|world| world.iam.put_role(Role::new(ROLE, now, json!({}), vec![policy])));
        let principal = Principal::Role(ROLE.to_owned());
        let listed = aws.call(&principal, ServiceId::Logs, "DescribeLogGroups", json!({"logGroupNamePrefix": "/a/1"}));
        assert_eq!(listed.is_ok(), may, "{group}");
    }
}

#[tokio::test(start_paused = true)]
async fn keeping_a_group_takes_permissions_on_its_tags_and_its_key() {
    let aws = Aws::new(Settings::default());
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let input = json!({"logGroupName": GROUP, "tags": {"team": "one"}, "kmsKeyId": key});
    let needed = ["logs:CreateLogGroup", "logs:TagResource", "logs:AssociateKmsKey"];
    for missing in needed {
        let actions: Vec<_> = needed.into_iter().filter(|action| *action != missing).collect();
        let now = aws.clock().now();
        let policy = json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
        aws.with(|world| world.iam.put_role(Role::new(ROLE, now, json!({}), vec![policy])));
        let principal = Principal::Role(ROLE.to_owned());
        let denied = aws.call(&principal, ServiceId::Logs, "CreateLogGroup", input.clone()).expect_err("denied");
        assert!(denied.message.contains(missing), "{}", denied.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_goes_through_all_streams_page_by_page() {
    let aws = written().await;
    let mut input = json!({"logGroupName": GROUP, "limit": 4});
    let first = call(&aws, "FilterLogEvents", input.clone()).expect("a page");
    assert_eq!(messages(&first), [""; 0], "empty, and yet not the last");
    input["nextToken"] = first["nextToken"].clone();
    let second = call(&aws, "FilterLogEvents", input.clone()).expect("a page");
    assert_eq!(messages(&second), ["line 0", "line 1", "line 2", "line 3"]);
    input["nextToken"] = second["nextToken"].clone();
    let third = call(&aws, "FilterLogEvents", input.clone()).expect("a page");
    assert_eq!((messages(&third), &third["nextToken"]), (vec!["line 4", "line 5"], &Value::Null));
    input["nextToken"] = json!("x");
    assert_eq!(code(call(&aws, "FilterLogEvents", input)), "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn a_search_may_begin_at_the_end() {
    let aws = written().await;
    let start: u64 = 1_788_220_800_000;
    let mut input = json!({"logGroupName": GROUP, "limit": 4, "startFromHead": false});
    assert_eq!(code(call(&aws, "FilterLogEvents", input.clone())), "InvalidParameterException", "no startTime");
    input["startTime"] = json!(start);
    let first = call(&aws, "FilterLogEvents", input.clone()).expect("a page");
    assert_eq!(messages(&first), ["line 5", "line 4", "line 3", "line 2"]);
    input["nextToken"] = first["nextToken"].clone();
    assert_eq!(messages(&call(&aws, "FilterLogEvents", input).expect("a page")), ["line 1", "line 0"]);
    let window = json!({"logGroupName": GROUP, "startTime": start + 1000, "endTime": start + 2000});
    assert_eq!(messages(&call(&aws, "FilterLogEvents", window).expect("a page")), ["line 1", "line 2"]);
    let prefix = json!({"logGroupName": GROUP, "startTime": 0, "logStreamNamePrefix": "2026/09/01/[runtime-logs]1"});
    assert_eq!(messages(&call(&aws, "FilterLogEvents", prefix).expect("a page")), ["line 1", "line 3", "line 5"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_read_a_while_after_it_was_written() {
    let aws = Aws::new(Settings::default());
    let now = aws.clock().now();
    aws.with(|world| world.logs.write(GROUP, "s", now, ["x".to_owned()]));
    let count = || {
        let input = json!({"logGroupName": GROUP, "logStreamName": "s"});
        messages(&call(&aws, "GetLogEvents", input).expect("a page")).len()
    };
    assert_eq!(count(), 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_in_both_directions() {
    let aws = written().await;
    let input = json!({"logGroupName": GROUP, "logStreamName": "2026/09/01/[runtime-logs]0", "limit": 2});
    let last = call(&aws, "GetLogEvents", input.clone()).expect("a page");
    assert_eq!(messages(&last), ["line 2", "line 4"], "the latest first, in order");
    let mut back = input.clone();
    back["nextToken"] = last["nextBackwardToken"].clone();
    let before = call(&aws, "GetLogEvents", back.clone()).expect("a page");
    assert_eq!(messages(&before), ["line 0"]);
    back["nextToken"] = before["nextBackwardToken"].clone();
    let end = call(&aws, "GetLogEvents", back.clone()).expect("a page");
    assert_eq!((messages(&end).len(), &end["nextBackwardToken"]), (0, &back["nextToken"]), "the same token: the end");
    let mut forward = input;
    forward["nextToken"] = last["nextForwardToken"].clone();
    assert_eq!(code(call(&aws, "GetLogEvents", forward.clone())), "InvalidParameterException");
    forward["startFromHead"] = json!(true);
    let end = call(&aws, "GetLogEvents", forward.clone()).expect("a page");
    assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, &forward["nextToken"]));
}

#[tokio::test(start_paused = true)]
async fn streams_are_listed_by_name_or_by_time() {
    let aws = written().await;
    let names = |input: Value| -> Vec<String> {
        let page = call(&aws, "DescribeLogStreams", input).expect("a page");
        let streams = page["logStreams"].as_array().expect("streams");
        streams.iter().filter_map(|stream| stream["logStreamName"].as_str()).map(str::to_owned).collect()
    };
    let both = ["2026/09/01/[runtime-logs]0", "2026/09/01/[runtime-logs]1"];
    let arn = format!("arn:aws:logs:us-east-1:111122223333:log-group:{GROUP}");
    assert_eq!(names(json!({"logGroupIdentifier": arn})), both);
    let latest = json!({"logGroupName": GROUP, "orderBy": "LastEventTime", "descending": true, "limit": 1});
    assert_eq!(names(latest.clone()), both[1..]);
    let page = call(&aws, "DescribeLogStreams", latest.clone()).expect("a page");
    let mut next = latest;
    next["nextToken"] = page["nextToken"].clone();
    assert_eq!(names(next), both[..1]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_names_a_group_with_a_star_at_the_end() {
    let aws = written().await;
    let reader = Principal::Role(ROLE.to_owned());
    for (resource, allowed) in [(GROUP.to_owned(), false), (format!("{GROUP}:*"), true)] {
        let resource = format!("arn:aws:logs:us-east-1:111122223333:log-group:{resource}");
        let policy = json!({"Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": resource}]});
        let now = aws.clock().now();
        aws.with(|world| world.iam.put_role(Role::new(ROLE, now, json!({}), vec![policy])));
        for (operation, stream) in [("FilterLogEvents", false), ("DescribeLogStreams", false), ("GetLogEvents", true)] {
            let mut input = json!({"logGroupName": GROUP});
            if stream {
                input["logStreamName"] = json!("2026/09/01/[runtime-logs]0");
            }
            let answer = aws.call(&reader, ServiceId::Logs, operation, input);
            assert_eq!(answer.is_ok(), allowed, "{operation} {resource}: {answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn names_and_tags_that_belong_to_aws_are_refused() {
    let aws = Aws::new(Settings::default());
    let named = |name: &str, tags: Value| json!({"logGroupName": name, "tags": tags});
    for bad in
        [json!({"logGroupName": "aws/x"}), named(GROUP, json!({"aws:x": ""})), named(GROUP, json!({"AWS:x": ""}))]
    {
        assert_eq!(code(call(&aws, "CreateLogGroup", bad.clone())), "InvalidParameterException", "{bad}");
    }
    let fifty: serde_json::Map<String, Value> = (0..50).map(|number| (number.to_string(), json!(""))).collect();
    call(&aws, "CreateLogGroup", named(GROUP, fifty.into())).expect("a group");
    let arn = format!("arn:aws:logs:us-east-1:111122223333:log-group:{GROUP}");
    let tag = |key: &str| call(&aws, "TagResource", json!({"resourceArn": arn, "tags": {key: "new"}}));
    assert_eq!(code(tag("one more")), "TooManyTagsException");
    assert_eq!(code(tag("aws:x")), "InvalidParameterException");
    tag("0").expect("a new value");
}
