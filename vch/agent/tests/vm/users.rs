//! `--user`, `--group-add`, and what a user other than root may do.

use crate::machine::Machine;
use crate::wanted::{container, shell};
use crate::{field, run};
use vch_agent_proto::FailureClass;

#[test]
fn users_and_groups_come_from_the_image() {
    let mut machine = Machine::ready();
    let script = "id -u; id -g; id -G; echo $HOME; grep Cap /proc/self/status; echo to the console > /dev/stdout; stat -Lc %u /proc/self/fd/1";
    for (user, groups, expected, home) in [
        ("app", vec![], "1000\n1000\n1000 29\n", "/home/app"),
        ("1000", vec![], "1000\n1000\n1000 29\n", "/home/app"),
        ("app:audio", vec!["44".to_owned()], "1000\n29\n29 44\n", "/home/app"),
        ("4711:4712", vec!["video".to_owned()], "4711\n4712\n4712 44\n", "/"),
    ] {
        let text = run(
            &mut machine,
            |wanted| {
                wanted.process.user = user.into();
                wanted.process.groups = groups;
            },
            script,
        )
        .ok();
        let uid = expected.lines().next().unwrap();
        assert!(text.starts_with(&format!("{expected}{home}\n")), "{user}: {text}");
        assert!(text.ends_with(&format!("to the console\n{uid}\n")), "{user}: {text}");
        for (set, value) in
            [("CapPrm", "0000000000000000"), ("CapEff", "0000000000000000"), ("CapBnd", "00000000a80425fb")]
        {
            assert_eq!(field(&text, set), value, "{user}: {set}");
        }
    }

    for (user, groups, words) in [
        ("ghost", vec![], "unable to find user ghost: no matching entries in passwd file"),
        ("app:ghosts", vec![], "unable to find group ghosts: no matching entries in group file"),
        ("", vec!["ghosts".to_owned()], "unable to find group ghosts: no matching entries in group file"),
    ] {
        let disks = machine.disks();
        let mut wanted = container(&disks, shell("true"));
        wanted.process.user = user.into();
        wanted.process.groups = groups;
        let failed = machine.host.run(wanted).unwrap_err();
        assert_eq!((failed.class, failed.message.as_str()), (FailureClass::UnknownUser, words));
    }

    let text = run(&mut machine, |wanted| wanted.process.no_new_privileges = true, "cat /proc/self/status").ok();
    assert_eq!(field(&text, "NoNewPrivs"), "1");
    let text = run(
        &mut machine,
        |wanted| wanted.process.capabilities = vec![0, 12],
        "cat /proc/self/status; ip link add d type dummy",
    );
    assert_eq!(field(&text.stdout, "CapEff"), "0000000000001001");
}
