//! `GET /containers/{id}/top`.

use vch_compat_tests::prelude::*;

pub(super) fn tests() -> Vec<Test> {
    tests![
        the_default_is_that_of_ps_ef,
        columns_are_as_asked,
        execs_and_children_are_listed,
        what_ps_does_not_know_is_refused_in_its_words,
        only_a_running_container_has_processes,
        it_is_told,
    ]
}

#[track_caller]
fn top(container: &Container, arguments: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let reply = get(&container.path(&format!("/top?ps_args={}", encode(arguments)))).expect(200).json();
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned()).collect()
    };
    (strings(&reply["Titles"]), reply["Processes"].as_array().unwrap().iter().map(strings).collect())
}

fn sleeper() -> Container {
    let container = Container::sh("trap 'exit 0' TERM; sleep 54321 & echo ready; wait");
    container.start();
    container.until_logged("ready");
    // The child is the shell still until it executes its program.
    eventually(SOON, "the child is sleep", || {
        let (_, rows) = top(&container, "-eo pid,args");
        rows.iter().any(|row| row[1] == "sleep 54321").then_some(())
    });
    container
}

fn the_default_is_that_of_ps_ef() {
    let container = sleeper();
    let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
    for arguments in ["", "-ef"] {
        let (got, rows) = top(&container, arguments);
        assert_eq!(got, titles);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows.iter().all(|row| row.len() == 8 && row[0] == "root" && row[5] == "?"), "{rows:?}");
        assert!(rows[0][7].starts_with("sh -c trap") && rows[1][7] == "sleep 54321", "{rows:?}");
        assert_eq!(rows[1][2], rows[0][1], "the child's parent is the first process");
        assert_eq!(rows[0][6], "00:00:00");
    }
}

fn columns_are_as_asked() {
    let container = sleeper();
    // Right after its word the shell may still be on its way into the wait.
    let (titles, rows) = eventually(SOON, "both sleep", || {
        let (titles, rows) = top(&container, "aux");
        rows.iter().all(|row| row[7].starts_with('S')).then_some((titles, rows))
    });
    assert_eq!(titles, ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]);
    assert_eq!((rows[0][7].as_str(), rows[1][7].as_str(), rows[1][10].as_str()), ("Ss", "S", "sleep 54321"));
    assert!(rows[0][5].parse::<u64>().unwrap() > 0);
    let (titles, rows) = top(&container, "-eo pid=PID,comm=NAME");
    assert_eq!(titles, ["PID", "NAME"]);
    assert_eq!((rows[0][1].as_str(), rows[1][1].as_str()), ("sh", "sleep"));
    let (titles, rows) = top(&container, "-o user,pid,ppid,stat,nlwp,args");
    assert_eq!(titles, ["USER", "PID", "PPID", "STAT", "NLWP", "COMMAND"]);
    assert_eq!((rows[1][4].as_str(), rows[1][5].as_str()), ("1", "sleep 54321"));
    let (titles, _) = top(&container, "-el");
    assert_eq!(titles.join(" "), "F S UID PID PPID C PRI NI ADDR SZ WCHAN TTY TIME CMD");
}

fn execs_and_children_are_listed() {
    let container = sleeper();
    let other = sleeper();
    let cmd = ["sh", "-c", "sleep 777 & sleep 778; true"];
    let id = container.exec(&json!({ "Cmd": cmd, "User": "1234:5", "Tty": true }));
    post_json(&format!("/exec/{id}/start"), &json!({ "Detach": true, "Tty": true })).expect(200);
    let listed = || {
        let (_, rows) = top(&container, "-eo pid,uid,gid,tty,args");
        let has = |text: &str| rows.iter().any(|row| row[4] == text);
        (rows.len() == 5 && has("sleep 777") && has("sleep 778")).then_some(rows)
    };
    let rows = eventually(SOON, "the exec's processes", listed);
    let row = rows.iter().find(|row| row[4] == "sleep 778").unwrap();
    assert_eq!((row[1].as_str(), row[2].as_str()), ("1234", "5"), "{row:?}");
    // dockerd's ps looks for the terminal in the host's /dev, where it may not be.
    assert!(row[3].starts_with("pts/") || row[3] == "?", "{row:?}");
    assert_eq!(top(&other, "").1.len(), 2);
}

fn what_ps_does_not_know_is_refused_in_its_words() {
    let container = sleeper();
    for (arguments, words) in [
        ("-eo foo", "ps: error: unknown user-defined format specifier \"foo\""),
        ("-eo comm", "Couldn't find PID field in ps output"),
        ("-eo foo=PID", "specifying \"foo=PID\" is not allowed"),
        ("--nope", "ps: error: unknown gnu long option"),
    ] {
        get(&container.path(&format!("/top?ps_args={}", encode(arguments)))).refuses(500, words);
    }
}

fn only_a_running_container_has_processes() {
    let container = Container::sh("exit 1");
    let words = format!("container {} is not running", container.id);
    get(&container.path("/top")).refuses(409, &words);
    container.run();
    get(&container.path("/top")).refuses(409, &words);
    get("/containers/no-such-container/top").refuses(404, "No such container: no-such-container");
    let body = json!({ "Cmd": ["false"], "HostConfig": { "RestartPolicy": { "Name": "always" } } });
    let flapping = Container::create(body);
    flapping.start();
    let words = format!("container {} is restarting, wait until the container is running", flapping.id);
    let refused = || {
        let reply = get(&flapping.path("/top"));
        (reply.head.status == 409 && reply.text().to_lowercase().contains(&words)).then_some(())
    };
    eventually(SOON, "it is found restarting", refused);
}

fn it_is_told() {
    let container = sleeper();
    let begun = crate::time::now();
    top(&container, "");
    let filter = filters(&json!({ "container": [container.id], "event": ["top"] }));
    let told = || {
        let until = crate::time::now();
        let reply = get(&format!("/events?since={begun:.9}&until={until:.9}&{filter}")).expect(200);
        reply.json_lines().first().cloned()
    };
    assert_eq!(eventually(SOON, "the event", told)["Action"], "top");
}
