//! Events: which, in what order, and how they are asked for.

use crate::time::now;
use vch_compat_tests::prelude::*;
use vch_compat_tests::raw::Live;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_life_makes_its_events_in_order,
        an_event_has_what_clients_read,
        they_arrive_as_they_happen,
        a_kill_and_a_stop_tell_their_signals,
        an_exec_tells_its_command,
        rename_tells_the_old_name,
        a_failed_program_tells_its_code,
        filters_by_type_event_label_and_image,
        the_past_can_be_asked_for,
        image_events,
    ]
}

/// Events since `since` of what `filter` names, up to now.
#[track_caller]
fn past(since: f64, filter: &Value) -> Vec<Value> {
    let path = format!("/events?since={since:.9}&until={:.9}&{}", now(), filters(filter));
    get(&path).expect(200).json_lines()
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| e["Action"].as_str().unwrap()).collect()
}

/// Past events of a container, once `action` is among them.
#[track_caller]
fn once(since: f64, container: &Container, action: &str) -> Vec<Value> {
    eventually(SOON, &format!("the event {action}"), || {
        let events = past(since, &json!({ "container": [container.id] }));
        let there = actions(&events).iter().any(|a| a.starts_with(action));
        there.then_some(events)
    })
}

fn a_life_makes_its_events_in_order() {
    let since = now();
    let container = Container::sh("exit 3");
    let (_, mut body) = container.attach("stream=1&stdout=1");
    container.start();
    frames::all(&mut body);
    container.wait();
    delete(&container.path("")).expect(204);
    let events = once(since, &container, "destroy");
    let actions = actions(&events);
    let own: Vec<&&str> = actions.iter().filter(|a| **a != "resize").collect();
    assert_eq!(own, [&"create", &"attach", &"start", &"die", &"destroy"]);
    let die = events.iter().find(|e| e["Action"] == "die").unwrap();
    assert_eq!(die["Actor"]["Attributes"]["exitCode"], "3");
}

fn an_event_has_what_clients_read() {
    let since = now();
    let name = unique("event");
    let container = Container::create_as(
        &format!("/containers/create?name={name}"),
        json!({ "Cmd": ["true"], "Labels": { "team": "blue" } }),
    );
    let event = once(since, &container, "create").remove(0);
    assert_eq!(event["Type"], "container");
    assert_eq!(event["Action"], "create");
    assert_eq!(event["Actor"]["ID"], json!(container.id));
    assert_eq!(event["Actor"]["Attributes"], json!({ "image": BUSYBOX, "name": name, "team": "blue" }));
    assert_eq!(event["scope"], "local");
    let (seconds, nanos) = (event["time"].as_i64(), event["timeNano"].as_i64());
    assert_eq!(seconds, nanos.map(|n| n / 1_000_000_000));
    assert!((seconds.unwrap() as f64 - now()).abs() < 60.0);
    // As it was before API 1.22, and clients still read it.
    assert_eq!(event["status"], "create");
    assert_eq!(event["id"], json!(container.id));
    assert_eq!(event["from"], json!(BUSYBOX));
}

fn next(live: &mut Live) -> Value {
    let line = live.body.line().expect("an event");
    serde_json::from_str(&line).unwrap()
}

fn they_arrive_as_they_happen() {
    let container = Container::sh("sleep 1000");
    let filter = filters(&json!({ "container": [container.id] }));
    let mut live = open("GET", &format!("/events?{filter}"), None);
    assert_eq!(live.head.status, 200);
    assert_eq!(live.head.header("Content-Type"), Some("application/json"));
    assert!(live.body.is_silent_for(Duration::from_millis(200)));
    container.start();
    assert_eq!(next(&mut live)["Action"], "start");
    container.post("/kill").expect(204);
    assert_eq!(next(&mut live)["Action"], "kill");
    assert_eq!(next(&mut live)["Action"], "die");
}

fn a_kill_and_a_stop_tell_their_signals() {
    let since = now();
    let container = Container::idle();
    container.post("/kill?signal=WINCH").expect(204);
    container.post("/stop").expect(204);
    let events = once(since, &container, "stop");
    let signals: Vec<&str> = events
        .iter()
        .filter(|e| e["Action"] == "kill")
        .map(|e| e["Actor"]["Attributes"]["signal"].as_str().unwrap())
        .collect();
    assert_eq!(signals, ["28", "15"]);
    let die = events.iter().find(|e| e["Action"] == "die").unwrap();
    assert_eq!(die["Actor"]["Attributes"]["exitCode"], "0");
}

fn an_exec_tells_its_command() {
    let since = now();
    let container = Container::idle();
    container.exec_sh("exit 4");
    let events = once(since, &container, "exec_die");
    let actions = actions(&events);
    assert!(actions.contains(&"exec_create: sh -c exit 4"), "{actions:?}");
    assert!(actions.contains(&"exec_start: sh -c exit 4"), "{actions:?}");
    let die = events.iter().find(|e| e["Action"] == "exec_die").unwrap();
    assert_eq!(die["Actor"]["Attributes"]["exitCode"], "4");
    assert!(die["Actor"]["Attributes"]["execID"].is_string());
    let filter = json!({ "container": [container.id], "event": ["exec_create"] });
    assert_eq!(past(since, &filter).len(), 1, "a filter takes the bare word");
}

fn rename_tells_the_old_name() {
    let since = now();
    let container = Container::sh("true");
    let old = container.inspect()["Name"].clone();
    let new = unique("renamed");
    container.post(&format!("/rename?name={new}")).expect(204);
    let events = once(since, &container, "rename");
    let attributes = &events.last().unwrap()["Actor"]["Attributes"];
    assert_eq!(attributes["oldName"], old);
    assert_eq!(attributes["name"], json!(new));
}

fn a_failed_program_tells_its_code() {
    let since = now();
    let container = Container::create(json!({ "Cmd": ["no-such-program"] }));
    container.post("/start").expect(400);
    let events = past(since, &json!({ "container": [container.id] }));
    let actions = actions(&events);
    assert!(!actions.contains(&"start"), "{actions:?}");
    // dockerd tells of the end of what never began only in some versions; the code is right where it does.
    for die in events.iter().filter(|e| e["Action"] == "die") {
        assert_eq!(die["Actor"]["Attributes"]["exitCode"], "127");
    }
}

fn filters_by_type_event_label_and_image() {
    let since = now();
    let label = unique("filtered");
    let container = Container::create(json!({ "Cmd": ["true"], "Labels": { &label: "x" } }));
    container.run();
    once(since, &container, "die");
    let of = |filter: Value| actions(&past(since, &filter)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mine = json!(format!("{label}=x"));
    assert_eq!(of(json!({ "label": [mine] })), ["create", "start", "die"]);
    assert_eq!(of(json!({ "label": [label], "event": ["start"] })), ["start"]);
    assert_eq!(of(json!({ "label": [label], "event": ["start", "die"] })), ["start", "die"]);
    assert_eq!(of(json!({ "label": [label], "type": ["container"] })).len(), 3);
    assert!(of(json!({ "label": [label], "type": ["image"] })).is_empty());
    for image in [BUSYBOX, "compat/busybox"] {
        assert_eq!(of(json!({ "label": [label], "image": [image] })).len(), 3, "{image}");
    }
    assert_eq!(of(json!({ "label": [label], "container": [&container.id[..12]] })).len(), 3);
    assert_eq!(of(json!({ "label": [label], "scope": ["local"] })).len(), 3);
}

fn the_past_can_be_asked_for() {
    let before = now();
    let container = Container::sh("true");
    container.run();
    once(before, &container, "die");
    let filter = json!({ "container": [container.id] });
    assert_eq!(actions(&past(before, &filter)), ["create", "start", "die"]);
    assert!(past(now(), &filter).is_empty());
    // Whole seconds, and an end in the past that ends the reply.
    let path = format!("/events?since={:.0}&until={:.0}&{}", before.floor() - 1.0, now() + 1.0, filters(&filter));
    let begun = Instant::now();
    assert_eq!(get(&path).expect(200).json_lines().len(), 3);
    assert!(begun.elapsed() < SOON);
}

fn image_events() {
    let since = now();
    let tag = format!("compat/{}:latest", unique("evented"));
    let image = vch_compat_tests::image::marked(&tag, &tag);
    image.load();
    let other = format!("compat/{}", unique("evented"));
    post(&format!("/images/{tag}/tag?repo={other}")).expect(201);
    delete(&format!("/images/{}?force=1", image.id())).expect(200);
    let filter = json!({ "type": ["image"] });
    let events = past(since, &filter);
    let mine: Vec<&Value> = events.iter().filter(|e| e["Actor"]["ID"] == json!(image.id())).collect();
    let actions: Vec<&str> = mine.iter().map(|e| e["Action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"load") || actions.contains(&"tag"), "{actions:?}");
    assert!(actions.contains(&"tag"), "{actions:?}");
    assert!(actions.contains(&"untag"), "{actions:?}");
    assert!(actions.contains(&"delete"), "{actions:?}");
    let tagged = mine.iter().find(|e| e["Action"] == "tag").unwrap();
    assert!(tagged["Actor"]["Attributes"]["name"].is_string(), "{tagged}");
}
