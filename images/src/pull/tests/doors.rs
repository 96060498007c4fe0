//! Credentials: who is let in, what they are told, and where credentials never go.

use super::*;

fn credentials() -> Credentials {
    Credentials { username: USER.into(), password: PASSWORD.into(), ..Credentials::default() }
}

#[tokio::test]
async fn doors_open_to_those_who_have_the_key() {
    let image = two_layers(Format::DockerGzip);
    let wrong = Credentials { username: USER.into(), password: "no".into(), ..Credentials::default() };
    let refresh = Credentials { identity_token: REFRESH.into(), ..Credentials::default() };
    let token = Credentials { registry_token: TOKEN.into(), ..Credentials::default() };
    let cases = [
        (Door::Basic, Some(credentials()), Ok(())),
        (Door::Basic, None, Err("no basic auth credentials")),
        (Door::Basic, Some(wrong.clone()), Err("unauthorized: authentication required")),
        (Door::Bearer, Some(credentials()), Ok(())),
        (Door::Bearer, Some(refresh), Ok(())),
        (Door::Bearer, Some(token), Ok(())),
        (Door::Bearer, Some(wrong), Err("unauthorized: incorrect username or password")),
        (Door::Bearer, None, Err("denied: requested access to the resource is denied")),
    ];
    for (door, credentials, expected) in cases {
        let (root, store) = store().await;
        let registry = TestRegistry::start(door.clone()).await;
        registry.push("app", "v1", &image);
        let before = tree(root.path());
        let (result, _) = run(&store, PullRequest { credentials, ..request(&registry.name("app:v1")) }).await;
        match expected {
            Ok(()) => assert_eq!(result.unwrap().pulled[0].id, image.id()),
            Err(words) => {
                let error = result.unwrap_err();
                assert!(error.to_string().ends_with(words), "{error}");
                assert!(matches!(error.class(), Class::Unauthorized | Class::NotFound), "{error}");
                unchanged(&root, &before).await;
            }
        }
        if door == Door::Bearer {
            // One token serves all requests of a pull.
            assert!(registry.server.seen("/token").len() <= 1);
        }
    }
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let (_root, store) = store().await;
    let image = two_layers(Format::DockerGzip);
    let registry = TestRegistry::start(Door::Basic).await;
    registry.push("app", "v1", &image);
    let blob = image.blobs[0].clone();
    let storage = Server::start(move |_| Answer::new(200, blob.clone())).await;
    let path = TestRegistry::blob("app", &image.blobs[0]);
    let away = || Fault::Instead(Answer::new(307, "").header("Location", format!("http://{}/stored", storage.host)));
    storage.fail("/stored", [Fault::BreakAfter(100_000)]);
    registry.server.fail(&path, [away(), away()]);
    let (result, _) =
        run(&store, PullRequest { credentials: Some(credentials()), ..request(&registry.name("app:v1")) }).await;
    result.unwrap();
    let stored = storage.seen("/stored");
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|seen| !seen.headers.contains_key("authorization")), "{stored:?}");
    assert_eq!(stored[1].headers.get("range").map(String::as_str), Some("bytes=100000-"));
    assert!(registry.server.seen(&path).iter().all(|seen| seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn mirrors_serve_docker_io_and_see_no_credentials() {
    let image = two_layers(Format::DockerGzip);
    let (broken, mirror) = (TestRegistry::start(Door::Open).await, TestRegistry::start(Door::Open).await);
    mirror.push("library/app", "v1", &image);
    let root = tempfile::tempdir().unwrap();
    let urls = [&broken, &mirror].map(|registry| format!("http://{}", registry.server.host));
    let store = Store::open(root.path(), StoreOptions { registry_mirrors: urls.into(), ..options() }).await.unwrap();
    let (result, heard) = run(&store, PullRequest { credentials: Some(credentials()), ..request("app:v1") }).await;
    result.unwrap();
    assert_eq!(words(&heard)[0], "v1: Pulling from library/app");
    assert!(words(&heard).contains(&": Status: Downloaded newer image for app:v1".to_owned()));
    assert_eq!(store.inspect("app:v1").unwrap().repo_tags, ["app:v1"]);
    assert!(mirror.server.seen("/").iter().all(|seen| !seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn login_tells_whether_a_key_fits() {
    let (_root, store) = store().await;
    for door in [Door::Basic, Door::Bearer] {
        let registry = TestRegistry::start(door.clone()).await;
        let good = store.login(&registry.server.host, &credentials()).await.unwrap();
        assert_eq!(good.status, "Login Succeeded");
        assert_eq!(good.identity_token.as_deref(), (door == Door::Bearer).then_some(REFRESH));
        let wrong = Credentials { username: USER.into(), password: "no".into(), ..Credentials::default() };
        let error = store.login(&format!("http://{}/v2/", registry.server.host), &wrong).await.unwrap_err();
        assert_eq!(error.class(), Class::Unauthorized, "{error}");
        let words = match door {
            Door::Basic => "failed with status: 401 Unauthorized",
            _ => "unauthorized: incorrect username or password",
        };
        assert!(error.to_string().ends_with(words), "{error}");
    }
    let open = TestRegistry::start(Door::Open).await;
    assert_eq!(store.login(&open.server.host, &credentials()).await.unwrap().status, "Login Succeeded");
    assert_eq!(store.login("a b", &credentials()).await.unwrap_err().class(), Class::Invalid);
}
